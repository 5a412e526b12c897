import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { nodeCrypto } from '../../daemon/system/crypto.ts';
import type { Signer } from '../../protocols/interface/index.ts';
import { type Command, encodeBatch } from '../../protocols/slurp/index.ts';
import { replicaProtocol } from '../../protocols/slurp/protocol.ts';
import { cidOf, encodeCanonical } from '../../protocols/wire/index.ts';
import { type TestHost, TestMesh, until } from '../mesh/harness.ts';
import { Rogue } from './rogue.ts';

let mesh: TestMesh;
/** Leads. */
export let alpha: TestHost;
/** Follows. */
export let beta: TestHost;
/** Peer id of alpha. */
export let alphaPeer: string;
/** The mesh of both. */
export let meshId: string;
let rogues: Rogue[] = [];

/** A mesh of two daemons for the tests of a file; the rogues of a test end with it. */
export function useAttackedMesh(): void {
  beforeAll(async () => {
    mesh = new TestMesh();
    [alpha, beta] = (await mesh.start('alpha', 'beta')) as [TestHost, TestHost];
    // The rogues become members, and would be asked to vote: beta is to follow by pull.
    await alpha.votesAlone();
    const status = await alpha.client.call('getStatus', {});
    alphaPeer = status.node.peer;
    meshId = status.mesh.id;
  });
  afterEach(async () => {
    await Promise.all(rogues.map((rogue) => rogue.stop()));
    rogues = [];
  });
  afterAll(async () => {
    await mesh.close();
  });
}

/** A peer that both daemons take for a member. */
export const member = async (): Promise<Rogue & { readonly signer: Signer }> => {
  const made = await Rogue.create({ mesh: meshId });
  rogues.push(made);
  await made.becomeMember(alpha);
  for (const host of [alpha, beta]) {
    const to = await host.peer();
    await until(`${host.name} serves it`, async () => {
      if (!made.isConnected(to)) await made.connect(host);
      const stream = made.requests(to, replicaProtocol(meshId));
      await stream.request(encodeCanonical({ v: 1, from: 1 })).finally(() => stream.stop());
      return true;
    });
  }
  return made as Rogue & { readonly signer: Signer };
};

/** The code that work was refused with. */
export const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
  await work.then(
    () => 'no refusal',
    (error: { code?: unknown }) => error.code,
  );

/** How far the log of a host is. */
export const indices = async (host: TestHost) => {
  const { commitIndex, appliedIndex } = (await host.client.call('getStatus', {})).slurp;
  return { commitIndex, appliedIndex };
};

/**
 * The mesh does its work: what beta writes goes through the log of alpha and is decided at both.
 */
export const expectAtWork = async (): Promise<number> => {
  const startMs = performance.now();
  const peer = await beta.peer();
  const write = beta.client.call('setMemberRole', {
    params: { peer },
    query: { wait: 'committed', timeoutMs: 30_000 },
    body: { role: 'admin' },
  });
  expect(await codeOf(write)).toBe('ERR_MEMBERSHIP_FORBIDDEN');
  const tookMs = performance.now() - startMs;
  for (const host of [alpha, beta]) {
    const { health } = await host.client.call('getStatus', {});
    // Who floods is named for a minute: nothing else may be wrong.
    const wrong = health.conditions.filter(({ code }) => !code.startsWith('flood-by-'));
    expect(wrong).toEqual([]);
  }
  return tookMs;
};

/** What of a batch a test chooses. */
export interface BatchParts {
  readonly boot: number;
  readonly seq: number;
  readonly mesh?: string;
  readonly kind?: string;
  readonly body?: Record<string, unknown>;
  readonly actor?: string;
  readonly id?: string;
  readonly made?: Command['made'];
}

/** A batch of one command. */
export const batchOf = (signer: Signer, { boot, seq, ...rest }: BatchParts): Uint8Array => {
  const { mesh: of = meshId, kind = 'member.role', actor = signer.peer } = rest;
  const body = rest.body ?? { peer: signer.peer, role: 'admin' };
  const id = rest.id ?? cidOf(nodeCrypto.sha256, encodeCanonical({ boot, seq, kind, body }));
  const made = rest.made === undefined ? {} : { made: rest.made };
  const timeMs = Date.now();
  const commands = [{ id, ...made, kind, actor: { peer: actor }, timeMs, body }];
  return encodeBatch(signer, { mesh: of, boot, seq, commands });
};

/** Signs in its own name what claims to be of another. */
export const inTheNameOf = (peer: string, signer: Signer): Signer => ({ peer, sign: signer.sign });
