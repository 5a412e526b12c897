import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Daemon, type DaemonComponents, type DaemonInit } from '../../../daemon/daemon.ts';
import { HomeNode } from '../../../daemon/home-node.ts';
import { MeshFolder } from '../../../daemon/mesh/mesh-folder.ts';
import type { NodeLife } from '../../../daemon/mesh/node-life.ts';
import { AgentServices } from '../../../daemon/services/agent-services.ts';
import { CallServices } from '../../../daemon/services/calls/call-services.ts';
import { LogServices } from '../../../daemon/services/log-services.ts';
import { MeshServices } from '../../../daemon/services/mesh-services.ts';
import { RecordServices } from '../../../daemon/services/record-services.ts';
import { SubmissionServices } from '../../../daemon/services/submissions/submission-services.ts';
import { systemClock } from '../../../daemon/system/clock.ts';
import { nodeCrypto, peerOfKey, seedKey } from '../../../daemon/system/crypto.ts';
import { HealthBook } from '../../../daemon/system/health.ts';
import { CooeeError, type ErrorCode, silentLogger } from '../../../protocols/interface/index.ts';
import { encodeJoinResponse, formatInvite } from '../../../protocols/membership/index.ts';
import { RequestStream } from '../../../protocols/wire/stream.ts';
import { temporaryFolders } from '../storage/temporary-folder.ts';

// Goal: a node whose state is not the one that the voters signed for shows nothing of it to
// programs. Method: the real services on a daemon whose node has nothing but that verdict, so that
// whoever reads past it fails with something else.

const parts = { snapshots: { isSound: false } };
const daemon = new Daemon(
  { home: { path: '/nowhere' } } as unknown as DaemonComponents,
  {} as DaemonInit,
);
const clock = { nowMs: () => 0, monotonicMs: () => 0 };
const submissions = new SubmissionServices(daemon, nodeCrypto);
const init = { daemon } as unknown as ConstructorParameters<typeof MeshServices>[0];

const agents = new AgentServices(daemon, nodeCrypto);
const calls = new CallServices(daemon, clock as ConstructorParameters<typeof CallServices>[1]);
const records = new RecordServices(daemon, { clock, crypto: nodeCrypto, submissions });
const log = new LogServices(daemon);
const members = new MeshServices(init);
const address = 'ucxl://any:admin@COOEE:enrol/#/agentid/0';

beforeEach(() => {
  vi.spyOn(HomeNode.prototype, 'node', 'get').mockReturnValue({ parts } as unknown as NodeLife);
});
afterEach(() => vi.restoreAllMocks());

it.each<[string, () => unknown]>([
  ['agents', () => agents.query({ limit: 10 })],
  ['an agent', () => agents.resolve('458RV')],
  ['calls', () => calls.list({ limit: 10 })],
  ['a call', () => calls.get('bafyreia')],
  ['a submission', () => submissions.get('bafyreia')],
  ['a record', () => records.get(address)],
  ['the versions of one', () => records.history({ address, limit: 10 })],
  ['members', () => members.members()],
  ['the log', () => log.read({ limit: 10 })],
  ['a proof', () => log.proof(1, 1)],
])('a node that has diverged does not show %s', async (_what, read) => {
  await expect((async () => await read())()).rejects.toMatchObject({ code: 'ERR_SLURP_DIVERGED' });
});

// Goal: a node that was let in does not forget it. Method: the real daemon and folder, on a node
// whose network is let in by the first member that it asks.

const newFolder = temporaryFolders();
const MESH = 'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy';
const member = peerOfKey(seedKey(new Uint8Array(32).fill(1)).publicKey);
const OTHER = `${MESH.slice(0, -1)}a`;
const inviteTo = (mesh: string) =>
  formatInvite(nodeCrypto.sha256, {
    mesh,
    addresses: [`/ip4/127.0.0.1/tcp/26633/p2p/${member}`],
    anchor: { index: 12, root: new Uint8Array(32), voters: [member] },
    seed: new Uint8Array(32).fill(50),
    expiresMs: 4_000_000_000_000,
  });
const invite = inviteTo(MESH);

/** A daemon that joins: what it asks is answered so, and then it goes on as `admitted` does. */
async function joining(answer: () => Uint8Array, admitted: () => void = () => undefined) {
  const path = await newFolder();
  const nothing = async (): Promise<void> => undefined;
  const { publicKey } = seedKey(new Uint8Array(32).fill(2));
  const node = {
    self: peerOfKey(publicKey),
    init: { name: 'beta', meshId: MESH },
    addresses: () => [],
    admitted: async () => admitted(),
    parts: {
      ...{ guard: {}, state: { entries: () => [] }, snapshots: { isSound: true } },
      guests: { clock: systemClock, logger: silentLogger },
      network: { dial: nothing, search: async () => nothing },
    },
  } as unknown as NodeLife;
  vi.spyOn(HomeNode.prototype, 'node', 'get').mockReturnValue(node);
  vi.spyOn(HomeNode.prototype, 'bringUp').mockImplementation(nothing);
  vi.spyOn(RequestStream.prototype, 'request').mockImplementation(async () => answer());
  const components = {
    ...{ crypto: nodeCrypto, clock: systemClock, logger: silentLogger },
    home: { path, file: (name: string) => join(path, name) },
    health: new HealthBook(silentLogger),
    sealer: { start: nothing, stop: nothing },
    signer: { peer: peerOfKey(publicKey) },
  };
  const entering = new Daemon(components as unknown as DaemonComponents, {} as DaemonInit);
  return { folder: new MeshFolder(path), start: () => entering.start(invite), entering };
}

it('remembers its invite when what it was let in by cannot be kept', async () => {
  const { folder, start } = await joining(() => encodeJoinResponse(17));
  vi.spyOn(MeshFolder.prototype, 'save').mockRejectedValueOnce(new CooeeError('ERR_STORAGE_IO'));
  await expect(start()).rejects.toMatchObject({ code: 'ERR_STORAGE_IO' });
  expect(await folder.load()).toMatchObject({ mesh: MESH, state: 'joining', invite });
  // The next start goes on with it, and at no time is there a home that knows nothing of it.
  vi.spyOn(HomeNode.prototype, 'bringUp').mockRejectedValueOnce(new CooeeError('ERR_STORAGE_IO'));
  await expect(start()).rejects.toMatchObject({ code: 'ERR_STORAGE_IO' });
  expect(await folder.load()).toMatchObject({ state: 'joining', invite });
});

it('gives up its mesh for another only when it has kept that it was let in there', async () => {
  const { folder, start, entering } = await joining(() => encodeJoinResponse(17));
  await start();
  const full = new CooeeError('ERR_STORAGE_DISK_FULL');
  vi.spyOn(MeshFolder.prototype, 'prepare').mockRejectedValueOnce(full);
  vi.spyOn(HomeNode.prototype, 'tearDown').mockResolvedValue();
  await expect(entering.join(inviteTo(OTHER))).rejects.toBe(full);
  expect(await folder.load()).toMatchObject({ mesh: MESH });
  expect(HomeNode.prototype.tearDown).not.toHaveBeenCalled();
  // With room it goes there, and the start after an end of the program goes on with it.
  await entering.join(inviteTo(OTHER));
  expect(await folder.load()).toMatchObject({ mesh: OTHER, state: 'member', admittedIndex: 17 });
});

it('stays a member when it cannot go on just then', async () => {
  const { folder, start } = await joining(
    () => encodeJoinResponse(17),
    () => {
      throw new CooeeError('ERR_STORAGE_IO');
    },
  );
  await expect(start()).rejects.toMatchObject({ code: 'ERR_STORAGE_IO' });
  expect(await folder.load()).toMatchObject({ state: 'member', admittedIndex: 17, invite: null });
});

it.each<[ErrorCode, () => Uint8Array, (() => void)?]>([
  ['ERR_MEMBERSHIP_INVITE_USED', () => refuse('ERR_MEMBERSHIP_INVITE_USED')],
  ['ERR_SLURP_ANCHOR', () => encodeJoinResponse(17), () => refuse('ERR_SLURP_ANCHOR')],
])('leaves the home as empty as before after %s', async (code, answer, admitted) => {
  const { folder, start } = await joining(answer, admitted);
  await expect(start()).rejects.toMatchObject({ code });
  expect(await folder.load()).toBeUndefined();
});

function refuse(code: ErrorCode): never {
  throw new CooeeError(code);
}
