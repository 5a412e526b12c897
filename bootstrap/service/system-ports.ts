import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { lstat, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { CommandResult, ServicePorts, ShownCommand } from './types.ts';

/** A start waits for the end of what ran before; that takes up to 10 s. */
const COMMAND_TIMEOUT_MS = 60_000;
const OUTPUT_BYTES_MAX = 256 * 1024;

/** What is not asked of the system but known by the caller. */
export type Caller = Pick<ServicePorts, 'uid' | 'user' | 'homedir' | 'env'>;

/** The ports of a service on this machine. */
export function systemServicePorts(caller: Caller): ServicePorts {
  return {
    ...caller,
    platform: process.platform,
    run: (command, args) => runCommand(command, args, caller.env),
    show: (command, args) => showCommand(command, args, caller.env),
    readText: async (path) => await ifThere(readFile(path, 'utf8')),
    writeText: replaceFile,
    remove: async (path) => {
      await rm(path, { force: true });
    },
    ownerOf: async (path) => (await ifThere(lstat(path)))?.uid,
    // What keeps it from being read keeps a home from being made there, and that tells why.
    entriesIn: async (path) =>
      await readdir(path, { withFileTypes: true }).catch((): Dirent[] => []),
  };
}

function runCommand(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<CommandResult> {
  const options = {
    timeout: COMMAND_TIMEOUT_MS,
    maxBuffer: OUTPUT_BYTES_MAX,
    // Their words are read.
    env: { ...env, LC_ALL: 'C' },
  };
  return new Promise((resolve) => {
    execFile(command, args, options, (error, stdout, stderr) => {
      if (error === null) resolve({ code: 0, stdout, stderr });
      else if (error.code === 'ENOENT') resolve({ code: undefined, stdout, stderr });
      else {
        const code = typeof error.code === 'number' ? error.code : 1;
        resolve({ code, stdout, stderr: stderr || error.message });
      }
    });
  });
}

function showCommand(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): ShownCommand {
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'], env });
  const done = new Promise<number | undefined>((resolve) => {
    child.once('error', () => resolve(undefined));
    child.once('close', (code) => resolve(code ?? 1));
  });
  return { done, end: () => child.kill() };
}

/** In place whole or not at all; and never through a link that somebody put there. */
async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const file = await open(temporary, 'wx', mode);
  try {
    await file.chmod(mode);
    await file.writeFile(text);
    await file.sync();
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

async function ifThere<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
