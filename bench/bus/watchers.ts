import { join } from 'node:path';
import { TestMesh, until } from '../../test/mesh/harness.ts';
import type { Figure } from '../lib/figure.ts';
import { WriterProcess } from '../slurp/writer-process.ts';

const WATCHERS = 64;

/** Watchers of one daemon, each of which must see every event, in the order of the log. */
export async function benchWatchers(isShort: boolean): Promise<readonly Figure[]> {
  const mesh = new TestMesh();
  const writer = new WriterProcess();
  const over = new AbortController();
  try {
    const host = mesh.host('alpha');
    await host.up('--log-level', 'warn');
    const count = isShort ? 1_000 : 10_000;
    const watchers = Array.from({ length: WATCHERS }, () => new Watcher());
    const socketPath = join(host.home, 'cooee.sock');
    const watching = watchers.map(async (watcher) => {
      const items = host.client.watch({
        match: 'submission:commit',
        signal: over.signal,
        opens: true,
      });
      for await (const item of items) watcher.take(item);
    });
    await until('all watch', () => watchers.every(({ isOpen }) => isOpen));
    const beginMs = performance.now();
    await writer.loop({
      targets: [{ api: 'ours', socketPath }],
      connections: 8,
      warmUpMs: 0,
      durationMs: 120_000,
      count,
      until: 'accepted',
    });
    await until('all saw all', () => watchers.every(({ seen }) => seen >= count), 120_000);
    const perSecond = (WATCHERS * count) / ((performance.now() - beginMs) / 1_000);
    over.abort();
    await Promise.all(watching);
    const complete = watchers.filter(({ isInOrder, gaps }) => isInOrder && gaps === 0).length;
    return [
      {
        ...{ name: `watchers that saw all of ${count} events in order`, value: complete },
        ...{ unit: `of ${WATCHERS}`, wanted: { atLeast: WATCHERS } },
      },
      { name: 'events handed out', value: perSecond, unit: '/s' },
    ];
  } finally {
    over.abort();
    await writer.close();
    await mesh.close();
  }
}

/** What one watcher saw. */
class Watcher {
  isOpen = false;
  seen = 0;
  gaps = 0;
  isInOrder = true;
  #lastSeq = 0;

  take(item: { kind: string; event?: { readonly id: string } }): void {
    if (item.kind === 'open') this.isOpen = true;
    if (item.kind === 'gap') this.gaps += 1;
    if (item.event === undefined) return;
    const seq = Number(item.event.id.split('-')[1]);
    if (seq <= this.#lastSeq) this.isInOrder = false;
    this.#lastSeq = seq;
    this.seen += 1;
  }
}
