import { toError } from '../../../../protocols/interface/index.ts';

/** What a step came to: its value, or why it has none. */
export type Came<T> =
  | { readonly value: T; readonly problem?: undefined }
  | { readonly value?: undefined; readonly problem: string };

/**
 * Runs a step that may hang: what has not come by its deadline has failed. Never rejects; what the
 * step does afterwards is nobody's any more, so it is given the signal to end by.
 */
export async function inTime<T>(
  limitMs: number,
  step: (signal: AbortSignal) => Promise<T>,
): Promise<Came<T>> {
  const ended = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Came<T>>((resolve) => {
    timer = setTimeout(() => {
      resolve({ problem: `no answer within ${limitMs} ms` });
      ended.abort(new Error(`no answer within ${limitMs} ms`));
    }, limitMs);
  });
  const done = step(ended.signal).then(
    (value): Came<T> => ({ value }),
    (thrown: unknown): Came<T> => ({ problem: problemOf(toError(thrown)) }),
  );
  try {
    return await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What the runtime says of a deadline that passed tells people nothing. */
function problemOf({ name, message }: Error): string {
  return name === 'TimeoutError' ? 'no answer in time' : message;
}

/** Maps with at most so many at once, in the order of the items. */
export async function mapAtOnce<T, R>(
  items: readonly T[],
  atOnceMax: number,
  map: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const queue = [...items.entries()];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [place, item] = next;
      results[place] = await map(item);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnceMax, items.length) }, work));
  return results;
}
