import { execFile } from 'node:child_process';
import { open, readdir } from 'node:fs/promises';
import { cpus, hostname, networkInterfaces } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { type Logger, toError } from '../../protocols/interface/index.ts';
import type {
  GraphicsController,
  HostPorts,
  HttpFailure,
  HttpResult,
  RunFailure,
  RunResult,
} from './types.ts';

/**
 * system_profiler takes seconds on a cold Mac; nvidia-smi takes one without its persistence daemon.
 */
const COMMAND_TIMEOUT_MS = 8_000;
const OUTPUT_BYTES_MAX = 1024 * 1024;
/** Ollama is on this host or near it; a mesh does not wait for it. */
const FETCH_TIMEOUT_MS = 1_000;
const BODY_BYTES_MAX = 1024 * 1024;
/** Files of sysfs and procfs; the longest is a route table. */
const FILE_BYTES_MAX = 256 * 1024;

/** Limits of {@link systemPorts}; tests shorten them. */
export interface SystemPortsInit {
  readonly commandTimeoutMs?: number;
  readonly outputBytesMax?: number;
  readonly fetchTimeoutMs?: number;
  readonly bodyBytesMax?: number;
}

/** The ports of detection on this machine. */
export function systemPorts(logger: Logger, init: SystemPortsInit = {}): HostPorts {
  const commandTimeoutMs = init.commandTimeoutMs ?? COMMAND_TIMEOUT_MS;
  const outputBytesMax = init.outputBytesMax ?? OUTPUT_BYTES_MAX;
  const fetchTimeoutMs = init.fetchTimeoutMs ?? FETCH_TIMEOUT_MS;
  const bodyBytesMax = init.bodyBytesMax ?? BODY_BYTES_MAX;
  return {
    platform: process.platform,
    env: process.env,
    run: (command, args) => runCommand(command, args, { commandTimeoutMs, outputBytesMax }),
    fetch: (url) => fetchBounded(url, fetchTimeoutMs, bodyBytesMax),
    readText: readSmallText,
    listFolder: async (path) => {
      const names = await readdir(path).catch((): string[] => []);
      return names.sort();
    },
    graphics: () => controllers(logger),
    interfaces: () =>
      Object.entries(networkInterfaces()).map(([name, addresses]) => ({
        name,
        mac: addresses?.[0]?.mac ?? '',
      })),
    hostname,
    cpuModel: () => cpus()[0]?.model ?? '',
    logger,
  };
}

type CommandLimits = Required<Pick<SystemPortsInit, 'commandTimeoutMs' | 'outputBytesMax'>>;

function runCommand(
  command: string,
  args: readonly string[],
  limits: CommandLimits,
): Promise<RunResult> {
  const options = {
    timeout: limits.commandTimeoutMs,
    killSignal: 'SIGKILL', // a tool that hangs in its driver does not hear a polite signal
    maxBuffer: limits.outputBytesMax,
    env: { ...process.env, LC_ALL: 'C' },
  } as const;
  return new Promise((resolve) => {
    execFile(command, args, options, (error, stdout) => {
      if (error === null) resolve({ ok: true, output: stdout });
      else resolve({ ok: false, failure: runFailure(error) });
    });
  });
}

function runFailure(error: Error & { code?: unknown; killed?: boolean }): RunFailure {
  if (error.code === 'ENOENT' || error.code === 'EACCES') return 'missing';
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return 'too-long';
  return error.killed === true ? 'slow' : 'failed';
}

async function fetchBounded(url: string, timeoutMs: number, bytesMax: number): Promise<HttpResult> {
  const signal = AbortSignal.timeout(timeoutMs);
  const failed = (failure: HttpFailure): HttpResult => ({ ok: false, failure });
  try {
    const response = await fetch(url, { signal, redirect: 'error' });
    if (response.status !== 200) {
      await response.body?.cancel();
      return failed('status');
    }
    const body = await readBody(response, bytesMax);
    return body === undefined ? failed('too-long') : { ok: true, body };
  } catch {
    return failed(signal.aborted ? 'slow' : 'unreachable');
  }
}

async function readBody(response: Response, bytesMax: number): Promise<string | undefined> {
  if (response.body === null) return '';
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop cancels the body, so nothing more is read of one that is too long.
  for await (const chunk of response.body) {
    length += chunk.length;
    if (length > bytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function readSmallText(path: string): Promise<string | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      // sysfs and procfs say that their files have no or another size: read until the end or the
      // bound.
      const buffer = Buffer.alloc(FILE_BYTES_MAX);
      let length = 0;
      while (length < buffer.length) {
        const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
        if (bytesRead === 0) return buffer.toString('utf8', 0, length);
        length += bytesRead;
      }
      return undefined;
    } finally {
      await file.close();
    }
  } catch {
    return undefined; // the contract of the port: missing, forbidden or unreadable are the same
  }
}

async function controllers(logger: Logger): Promise<readonly GraphicsController[]> {
  try {
    // Imported late: it is big, and most hosts never need it.
    const { default: information } = await import('systeminformation');
    const late = setTimeout(COMMAND_TIMEOUT_MS, undefined, { ref: false });
    const found = await Promise.race([information.graphics(), late]);
    if (found === undefined) logger.debug({}, 'systeminformation took too long');
    return found?.controllers ?? [];
  } catch (thrown) {
    logger.debug({ err: toError(thrown) }, 'systeminformation found no graphics');
    return [];
  }
}
