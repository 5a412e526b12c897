import { fstatSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import type { CliHost, CliOutput } from './context.ts';

const STDOUT = 1;

/** What tells that stdout cannot be written. */
export type OnFault = (error: NodeJS.ErrnoException) => void;

/**
 * The stdout of this process.
 *
 * @param onFault - told of a write that failed, unless `writeOut` was waited for
 */
export function processStdout(onFault: OnFault): Pick<CliHost, 'stdout' | 'writeOut'> {
  let isAwaited = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (!isAwaited) onFault(error);
  });
  if (isFile(STDOUT)) return fileStdout(onFault);
  return {
    stdout: process.stdout,
    writeOut: async (text) => {
      isAwaited = true;
      await promisify<string, void>(process.stdout.write.bind(process.stdout))(text);
      isAwaited = false;
    },
  };
}

function isFile(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isFile();
  } catch {
    // Closed: node says so at the first write.
    return false;
  }
}

/**
 * A disk that fills up takes a part of what it is given and says nothing: the next write fails.
 * Node's own stream makes none, so that a file would be cut with exit code 0.
 */
function fileStdout(onFault: OnFault): Pick<CliHost, 'stdout' | 'writeOut'> {
  const write = (text: string): void => {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; ) at += writeSync(STDOUT, bytes, at);
  };
  const stdout: CliOutput = {
    write(text) {
      try {
        write(text);
      } catch (thrown) {
        onFault(thrown as NodeJS.ErrnoException);
      }
      return true;
    },
  };
  return { stdout, writeOut: async (text) => write(text) };
}
