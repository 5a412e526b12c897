import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../daemon/system/clock.ts';
import { silentLogger } from '../../protocols/interface/index.ts';
import {
  byeStatement,
  livenessAnswer,
  livenessProtocol,
  livenessRequest,
} from '../../protocols/liveness/index.ts';
import { type StreamRegistrar, serveRequests } from '../../protocols/wire/stream.ts';
import { type TestHost, until } from '../mesh/harness.ts';
import {
  alpha,
  alphaPeer,
  beta,
  codeOf,
  expectAtWork,
  member,
  meshId,
  useAttackedMesh,
} from './attacked-mesh.ts';
import type { Rogue } from './rogue.ts';

// Goal: a member that lies about who is there changes nothing: it talks nobody dead and keeps
// nobody alive, its garbage is refused, its flood is cut off and it is named.

useAttackedMesh();

const stateAt = async (seer: TestHost, peer: string): Promise<string | undefined> => {
  const { members } = await seer.client.call('listMembers', {});
  return members.find((it) => it.peer === peer)?.state;
};

/** Counts what was asked of it; says of everybody that it does not reach them. */
async function lie(rogue: Rogue): Promise<{ asks: number }> {
  const told = { asks: 0 };
  const registrar = rogue.node as unknown as StreamRegistrar;
  await serveRequests(
    { registrar, clock: systemClock, logger: silentLogger },
    livenessProtocol(meshId),
    {
      handler: async (_peer, body) => {
        const request = livenessRequest.decode(body);
        if (request.kind === 'ask') told.asks += 1;
        if (request.kind !== 'ping') return livenessAnswer.encode({ v: 1, kind: 'silent' });
        const nowMs = Date.now();
        return livenessAnswer.encode({
          ...{ v: 1, kind: 'pong', boot: 1, hints: [alphaPeer], leader: null },
          ...{ receivedMs: nowMs, sentMs: nowMs },
        });
      },
    },
  );
  return told;
}

describe('a member that lies about who is there', () => {
  it('talks nobody dead', async () => {
    const rogue = await member();
    const betaPeer = await beta.peer();
    const told = await lie(rogue);
    const before = await alpha.counter('cooee_liveness_changes_total', 'unreachable');
    beta.signal('SIGSTOP');
    await until('the liar is asked', () => told.asks > 0);
    beta.signal('SIGCONT');
    await until('beta is alive', async () => (await stateAt(alpha, betaPeer)) === 'alive');
    expect(await alpha.counter('cooee_liveness_changes_total', 'unreachable')).toBe(before);
    expect(await stateAt(beta, alphaPeer)).toBe('alive');
  });

  it('says goodbye for nobody else, and proves nothing for others', async () => {
    const rogue = await member();
    const betaPeer = await beta.peer();
    const stream = rogue.requests(alphaPeer, livenessProtocol(meshId));
    const bye = { v: 1, kind: 'bye', mesh: meshId, boot: 9 } as const;
    const statement = byeStatement.encode(rogue.signer, { ...bye, mesh: meshId });
    // Its own goodbye it may say; a garbled one it may not.
    const garbled = statement.slice();
    garbled[garbled.length - 1] = (garbled.at(-1) ?? 0) ^ 1;
    const asked = livenessRequest.encode({ v: 1, kind: 'bye', statement: garbled });
    expect(await codeOf(stream.request(asked))).toBe('ERR_SLURP_SIGNATURE');
    expect(await stateAt(alpha, betaPeer)).toBe('alive');
    await stream.request(livenessRequest.encode({ v: 1, kind: 'bye', statement }));
    expect(await stateAt(alpha, rogue.peer)).toBe('left');
    expect(await stateAt(alpha, betaPeer)).toBe('alive');
  });

  it('gets garbage refused and its flood cut off, and is named', async () => {
    const rogue = await member();
    const stream = rogue.requests(alphaPeer, livenessProtocol(meshId));
    for (const bytes of [new Uint8Array(), randomBytes(100), randomBytes(4096)]) {
      expect(await codeOf(stream.request(bytes))).toMatch(/^ERR_WIRE_/);
    }
    const hints = [await beta.peer(), alphaPeer];
    const ping = livenessRequest.encode({ v: 1, kind: 'ping', boot: 1, hints });
    const codes = new Set<unknown>();
    for (let i = 0; i < 20; i++) {
      const burst = Array.from({ length: 16 }, () => codeOf(stream.request(ping)));
      for (const code of await Promise.all(burst)) codes.add(code);
    }
    expect(codes).toContain('ERR_WIRE_RATE');
    await until('it is named', async () => {
      const { health } = await alpha.client.call('getStatus', {});
      return health.conditions.some(({ code }) => code === `flood-by-${rogue.peer}`);
    });
    await expectAtWork();
    expect(await stateAt(alpha, await beta.peer())).toBe('alive');
  });
});
