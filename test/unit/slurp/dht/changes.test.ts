import { describe, expect, it } from 'vitest';
import { type AgentRecord, CooeeError } from '../../../../protocols/interface/index.ts';
import { OwnChanges } from '../../../../protocols/slurp/dht/changes.ts';
import { MeshState } from '../../../../protocols/slurp/index.ts';
import type { AuditTree } from '../../../../protocols/slurp/proof/audit-tree.ts';
import { MemoryStore } from '../../../../storage/memory-store.ts';

// How records follow from these, and are read again after a restart, is in mesh-records.test.ts.

const SELF = '12D3KooWself';

/** The tree of a log that begins with that entry by now. */
function treeFrom(first: { index: number }): AuditTree {
  const subtree = async (low: number, high: number): Promise<Uint8Array> => {
    // Larger ones have rows of their own.
    if (high - low < 256 && low + 1 < first.index) throw new CooeeError('ERR_STORAGE_COMPACTED');
    return new Uint8Array(32).fill(low % 251);
  };
  return { subtree } as unknown as AuditTree;
}

function granted(token: string, index: number) {
  return { index, events: [{ index, type: 'agent:grant', data: { token, peer: SELF } }] };
}

describe('the changes of own agents', () => {
  it('keep their paths, also when a snapshot took the place of those of another', async () => {
    const store = new MemoryStore();
    await store.open();
    const state = new MeshState();
    for (const token of ['458RV', '4001Y']) {
      const value = { peer: SELF, grantedIndex: 1, retiredIndex: null } as AgentRecord;
      state.merge([{ table: 'agent', key: token, value }]);
    }
    const first = { index: 1 };
    const changes = new OwnChanges({
      ...{ store, state, self: SELF, tree: treeFrom(first) },
      read: async () => undefined,
    });
    await changes.open();
    changes.onApplied(granted('458RV', 200));
    // A snapshot at 250 was installed before the 256 entries were complete.
    first.index = 251;
    changes.onApplied(granted('4001Y', 300));
    await store.batch([
      { namespace: 'dht', key: `entry/${'300'.padStart(16, '0')}`, value: new Uint8Array([1]) },
    ]);
    await changes.settle(512);
    first.index = 600;
    expect(await changes.prove('4001Y', 512)).toMatchObject({ index: 300 });
  });
});
