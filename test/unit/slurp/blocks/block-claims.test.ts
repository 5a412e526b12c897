import { beforeEach, describe, expect, it } from 'vitest';
import {
  decodeClaim,
  encodeClaim,
  secureProtocol,
  secureRequest,
} from '../../../../protocols/slurp/blocks/protocol.ts';
import { BlockClaims, type Command, decodeBatch } from '../../../../protocols/slurp/index.ts';
import { codeOf, crypto, MESH, settle } from '../mesh-world.ts';
import { type BlockNode, BlockWorld, blockOf, pullOf } from './block-world.ts';

// Goal: a member has the leader see to its blocks before it hands in what names them, by others
// when it cannot reach the leader; nobody does that in another's name.

let world: BlockWorld;
let nodes: BlockNode[];
let links: Map<string, string[]>;
let claims: BlockClaims[];

const pull = pullOf('+1\n');
const [patch] = pull.blocks as [{ cid: string; bytes: Uint8Array }];

beforeEach(async () => {
  world = new BlockWorld();
  nodes = [];
  for (const number of [1, 2, 3, 4, 5]) nodes.push(await world.node(number));
  world.leader = nodes[0]!.peer;
  links = new Map();
  claims = nodes.map(
    ({ peer, signer, state, holding }) =>
      new BlockClaims({
        ...{ meshId: MESH, self: peer, signer, state, crypto, holding },
        requester: world.wires.requester(peer),
        responder: world.wires.responder(peer),
        leader: () => world.leader,
        connected: () => links.get(peer) ?? world.nodes.map((it) => it.peer),
        voters: () => [],
        isLeader: () => world.leader === peer,
      }),
  );
  for (const it of claims) await it.start();
});

const commandOf = (node: BlockNode): Command =>
  decodeBatch(node.batch(1, pull)).value.commands[0] as Command;
const has = async ({ store }: BlockNode): Promise<boolean> =>
  (await store.get('content', patch.cid)) !== undefined;
const holders = async (): Promise<boolean[]> => await Promise.all(nodes.map(has));

describe('BlockClaims', () => {
  it('has a majority hold the blocks, and nothing is proposed for that', async () => {
    const author = nodes[3]!;
    await author.contents.keep(author.peer, pull.blocks);
    await claims[3]!.hold(commandOf(author));
    expect((await holders()).slice(0, 3).filter(Boolean).length).toBeGreaterThanOrEqual(2);
    // What is handed in then is taken at once.
    const batch = decodeBatch(author.batch(1, pull)).value;
    expect(() => nodes[0]!.holding.assertHeld(batch)).not.toThrow();
  });

  it('asks nobody for what the leader hands in itself but the voters', async () => {
    const leader = nodes[0]!;
    await leader.contents.keep(leader.peer, pull.blocks);
    await claims[0]!.hold(commandOf(leader));
    expect(world.wires.asked.filter((it) => it.endsWith('secure'))).toEqual([]);
    expect((await holders()).slice(0, 3).filter(Boolean).length).toBeGreaterThanOrEqual(2);
  });

  it('goes by another member, which gets the blocks first', async () => {
    const [, , , author, relay] = nodes as [never, never, never, BlockNode, BlockNode];
    links.set(author.peer, [relay.peer]);
    await author.contents.keep(author.peer, pull.blocks);
    await claims[3]!.hold(commandOf(author));
    expect(await has(relay)).toBe(true);
    expect((await holders()).slice(0, 3).filter(Boolean).length).toBeGreaterThanOrEqual(2);
  });

  it('says that nobody has a block', async () => {
    expect(await codeOf(claims[3]!.hold(commandOf(nodes[3]!)))).toBe(
      'ERR_SUBMISSION_BLOCK_MISSING',
    );
  });

  it('takes no word of a relay for the leader’s', async () => {
    links.set(nodes[3]!.peer, [nodes[4]!.peer]);
    expect(await codeOf(claims[3]!.hold(commandOf(nodes[3]!)))).toBe('ERR_SLURP_NO_LEADER');
  });

  it('says when there is no leader', async () => {
    world.leader = '';
    links.set(nodes[3]!.peer, []);
    expect(await codeOf(claims[3]!.hold(commandOf(nodes[3]!)))).toBe('ERR_SLURP_NO_LEADER');
  });
});

describe('a claim that is not right', () => {
  const send = async (claim: Uint8Array): Promise<string> => {
    const body = secureRequest.encode(1, claim);
    const asked = world.wires.requester(nodes[4]!.peer);
    const answer = asked.request(world.leader, secureProtocol(MESH), body);
    return await codeOf(answer);
  };

  it('is refused: in the name of another', async () => {
    const { signer } = nodes[4]!;
    const command = commandOf(nodes[3]!);
    expect(() => decodeClaim(encodeClaim(signer, MESH, command))).toThrow('speaks for itself');
    expect(await send(encodeClaim(signer, MESH, command))).toBe('ERR_SLURP_COMMAND');
    const forged = { peer: nodes[3]!.peer, sign: signer.sign.bind(signer) };
    expect(await send(encodeClaim(forged as never, MESH, command))).toBe('ERR_SLURP_SIGNATURE');
  });

  it('is refused: of another mesh, of no member, of a removed one', async () => {
    const { signer, peer } = nodes[3]!;
    const other = blockOf(7).cid;
    expect(await send(encodeClaim(signer, other, commandOf(nodes[3]!)))).toBe(
      'ERR_SLURP_SIGNATURE',
    );
    const { state } = nodes[0]!;
    const record = state.get('member', peer)!;
    const claim = encodeClaim(signer, MESH, commandOf(nodes[3]!));
    state.merge([{ table: 'member', key: peer, value: { ...record, removedIndex: 3 } }]);
    expect(await send(claim)).toBe('ERR_MEMBERSHIP_NOT_MEMBER');
    state.merge([{ table: 'member', key: peer }]);
    expect(await send(claim)).toBe('ERR_MEMBERSHIP_NOT_MEMBER');
    await settle();
    expect(await holders()).toEqual([false, false, false, false, false]);
  });

  it('is refused: a command that is malformed, bytes that are none', async () => {
    const { signer } = nodes[3]!;
    const command = { ...commandOf(nodes[3]!), body: { nonsense: 1 } };
    expect(await send(encodeClaim(signer, MESH, command))).toBe('ERR_SLURP_COMMAND');
    expect(await send(new Uint8Array(20))).toMatch(/^ERR_WIRE/);
  });
});
