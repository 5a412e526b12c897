import { describe, expect, it } from 'vitest';
import { boundedStore, dhtOptions, kadProtocol } from '../../../../daemon/libp2p/dht.ts';

class MemoryStore {
  readonly values = new Map<string, Uint8Array>();

  async put(key: string, value: Uint8Array): Promise<string> {
    this.values.set(key, value);
    return key;
  }

  async delete(key: string): Promise<void> {
    this.values.delete(key);
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.values.get(key);
  }
}

describe('the DHT', () => {
  it('stores a bounded number of keys, and takes new ones when old ones go', async () => {
    const store = boundedStore(new MemoryStore(), { keysMax: 2 });
    await store.put('/a', Uint8Array.of(1));
    await store.put('/b', Uint8Array.of(2));
    await store.put('/a', Uint8Array.of(3));
    await expect(store.put('/c', Uint8Array.of(4))).rejects.toMatchObject({
      code: 'ERR_WIRE_RATE',
    });
    await store.delete('/b');
    await store.put('/c', Uint8Array.of(4));
    expect(await store.get('/a')).toEqual(Uint8Array.of(3));
    expect(await store.get('/b')).toBeUndefined();
  });

  it('stores a bounded number of bytes, whatever is put in the place of what', async () => {
    const store = boundedStore(new MemoryStore(), { bytesMax: 10 });
    await store.put('/a', new Uint8Array(6));
    await expect(store.put('/b', new Uint8Array(5))).rejects.toMatchObject({
      code: 'ERR_WIRE_RATE',
    });
    await store.put('/a', new Uint8Array(10));
    await store.put('/a', new Uint8Array(5));
    await store.put('/b', new Uint8Array(5));
    await store.delete('/a');
    await store.put('/c', new Uint8Array(5));
    expect(await store.get('/c')).toHaveLength(5);
  });

  it('speaks a protocol of its own mesh and refuses public key records', async () => {
    const options = dhtOptions({ mesh: 'bafymesh', isMember: () => true });
    expect(options.protocol).toBe(kadProtocol('bafymesh'));
    expect(options.clientMode).toBe(false);
    await expect(
      options.validators?.['pk']?.(new Uint8Array(), new Uint8Array()),
    ).rejects.toThrow();
  });
});
