import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { type Operation, toOperation } from './operation.ts';

/** A page of a final reading has 500 rows; a line this long is none of ours. */
const LINE_CHARS_MAX = 4 * 1024 * 1024;

/**
 * Reads a history.
 *
 * @throws Error with the number of the line that is no operation; a torn last line is none either
 */
export async function readHistory(path: string): Promise<Operation[]> {
  const operations: Operation[] = [];
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Infinity });
  let number = 0;
  for await (const line of lines) {
    number += 1;
    try {
      if (line.length > LINE_CHARS_MAX) throw new Error('the line is too long');
      operations.push(toOperation(JSON.parse(line)));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`${path}:${number}: ${why}`, { cause: error });
    }
  }
  return operations;
}
