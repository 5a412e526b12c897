import { generateKeyPair } from '@libp2p/crypto/keys';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { describe, expect, it } from 'vitest';
import { dialEither } from '../../../../../daemon/libp2p/relay/dial-either.ts';

const DIRECT = '/ip4/10.0.0.7/tcp/26633';
const RELAY = '/ip4/5.5.5.5/tcp/1/p2p/12D3KooWGx3Utn9eWkQLEkx1ipyw9fRPm4hXGW8etcSEEFaeJ1ZY';

async function build(init: { readonly answers: string; readonly ways?: readonly string[] }) {
  const peer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'));
  const dialled: string[] = [];
  let loads = 0;
  const node = {
    dial: async (target: unknown) => {
      const text = String(Array.isArray(target) ? target.join(' ') : target);
      dialled.push(text.replaceAll(peer.toString(), 'PEER').replaceAll(RELAY, 'RELAY'));
      if (!text.includes(init.answers)) throw new Error(`no ${text}`);
      return {} as never;
    },
  };
  const relays = {
    load: async () => void loads++,
    waysTo: (to: string) => (init.ways ?? []).map((it) => `${it}/p2p-circuit/p2p/${to}`),
  };
  const dial = (addresses: readonly string[]) =>
    dialEither({ node, relays }, { peer, addresses, signal: AbortSignal.timeout(5000) });
  return { dial, dialled, peer, loads: () => loads };
}

describe('dialling a member', () => {
  it('takes all its addresses at once where nobody relays', async () => {
    const { dial, dialled, loads } = await build({ answers: '10.0.0.7' });
    await dial([DIRECT]);
    expect(dialled).toEqual([`${DIRECT}/p2p/PEER`]);
    expect(loads()).toBe(0);
  });

  it('asks for it by name when no address is known', async () => {
    const { dial, dialled, peer } = await build({ answers: '' });
    await dial([]);
    expect(dialled).toEqual(['PEER']);
    expect(peer.type).toBe('Ed25519');
  });

  it('goes through a relay only when its own addresses do not answer', async () => {
    const near = await build({ answers: '10.0.0.7', ways: [RELAY] });
    await near.dial([DIRECT]);
    expect(near.dialled).toEqual([`${DIRECT}/p2p/PEER`]);
    const far = await build({ answers: 'p2p-circuit', ways: [RELAY] });
    await far.dial([DIRECT]);
    expect(far.dialled).toEqual([`${DIRECT}/p2p/PEER`, 'RELAY/p2p-circuit/p2p/PEER']);
  });

  it('makes ready for relays when the member names one', async () => {
    const { dial, dialled, loads } = await build({ answers: 'p2p-circuit' });
    await dial([`${RELAY}/p2p-circuit`]);
    expect(dialled).toEqual(['RELAY/p2p-circuit/p2p/PEER']);
    expect(loads()).toBe(1);
  });

  it('leaves relays alone when it is told to', async () => {
    const peer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'));
    const dialled: string[] = [];
    const node = { dial: async (target: unknown) => void dialled.push(String(target)) as never };
    const addresses = [`${RELAY}/p2p-circuit`, DIRECT];
    const signal = AbortSignal.timeout(5000);
    await dialEither({ node, relays: undefined }, { peer, addresses, signal });
    expect(dialled).toEqual([`${DIRECT}/p2p/${peer}`]);
  });

  it('fails with the error of the last way', async () => {
    const { dial } = await build({ answers: 'nothing', ways: [RELAY] });
    await expect(dial([DIRECT])).rejects.toThrow('p2p-circuit');
  });
});
