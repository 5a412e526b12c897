import { join } from 'node:path';
import { TestMesh, until } from '../../test/mesh/harness.ts';
import type { Figure } from '../lib/figure.ts';
import { load } from '../lib/load.ts';
import { WriterProcess } from '../slurp/writer-process.ts';

/** Reads by address over the socket, with many records in the state. */
export async function benchRecords(isShort: boolean): Promise<readonly Figure[]> {
  const mesh = new TestMesh();
  const writer = new WriterProcess();
  try {
    const host = mesh.host('alpha');
    await host.up('--log-level', 'warn');
    const count = isShort ? 2_000 : 100_000;
    const socketPath = join(host.home, 'cooee.sock');
    await writer.loop({
      targets: [{ api: 'ours', socketPath }],
      connections: 64,
      warmUpMs: 0,
      durationMs: 600_000,
      count,
      until: 'accepted',
    });
    await until(
      'all are committed',
      async () => (await host.client.call('getStatus')).outbox.waiting === 0,
      600_000,
    );
    // One of the addresses that the writer spreads its records over.
    const address = encodeURIComponent('ucxl://bench:writer@bench:slurp/#/500');
    const path = `/v1/records?address=${address}`;
    const durationMs = isShort ? 500 : 3_000;
    const got = await load({ socketPath, path }, { connections: 1, durationMs });
    return [
      {
        ...{ name: `get by address at ${count} records, p50`, value: got.p50Ms, unit: 'ms' },
        wanted: { atMost: 1 },
      },
      { name: `get by address at ${count} records, p99`, value: got.p99Ms, unit: 'ms' },
    ];
  } finally {
    await writer.close();
    await mesh.close();
  }
}
