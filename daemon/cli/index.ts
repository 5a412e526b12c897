/**
 * The command line. `daemon/main.ts` calls {@link runCli}; everything that a command needs is
 * loaded when that command runs, so that `cooee status` starts as fast as node does.
 *
 * @packageDocumentation
 */
import { homedir, userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommanderError } from 'commander';
import { CooeeError, isCooeeError } from '../../protocols/interface/index.ts';
import {
  type CliHost,
  canColour,
  commandOf,
  createContext,
  type GlobalOptions,
} from './context.ts';
import { packageVersion } from './invocation.ts';
import { buildProgram } from './program.ts';
import { reportError } from './report-error.ts';
import type { LoadDaemon } from './up-options.ts';

export type { CliHost } from './context.ts';
export type { LoadDaemon, LogLevel, UpOptions } from './up-options.ts';

/** The real process as the command line's world. */
export function processHost(loadDaemon: LoadDaemon): CliHost {
  let isDaemon = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // `cooee events | head -1`: the reader has what it wanted. A daemon outlives who read its first
    // lines.
    if (error.code === 'EPIPE' && isDaemon) return;
    process.exit(error.code === 'EPIPE' ? 0 : 1);
  });
  return {
    env: process.env,
    cwd: process.cwd(),
    uid: process.getuid?.() ?? -1,
    homedir: homedir(),
    user: userName(),
    script: process.argv[1],
    version: packageVersion(import.meta.dirname),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    connect: async (socket, ticket) => {
      const { SocketClient } = await import('./socket-client.ts');
      return new SocketClient(socket, ticket);
    },
    loadDaemon: () => {
      isDaemon = true;
      return loadDaemon();
    },
    delay: async (delayMs) => {
      await sleep(delayMs);
    },
    nowMs: () => Date.now(),
    onEnd: onProcessEnd,
  };
}

/** A signal ends the process with its own exit code, after the task. */
function onProcessEnd(task: () => void): () => void {
  const signals = [
    ['SIGTERM', 15],
    ['SIGHUP', 1],
    ['SIGINT', 2],
  ] as const;
  const listeners = signals.map(([signal, number]) => {
    const onSignal = (): void => process.exit(128 + number);
    process.once(signal, onSignal);
    return () => process.off(signal, onSignal);
  });
  process.once('exit', task);
  return () => {
    process.off('exit', task);
    for (const off of listeners) off();
  };
}

/** A container may run as a user that its system does not know. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return process.env['USER'] ?? 'operator';
  }
}

/**
 * Runs one command.
 *
 * @param args - the words after the program's name
 * @returns the exit code; errors are written to stderr, never thrown
 */
export async function runCli(args: readonly string[], host: CliHost): Promise<number> {
  let exit = 0;
  let options: GlobalOptions = { json: asksForJson(args) };
  const program = buildProgram(host, async (run) => {
    options = program.opts<GlobalOptions>();
    exit = await run(createContext(host, options));
  });
  try {
    // `--version` is an option of `id encode`, so the program's own is -V; people type the long one
    // all the same.
    await program.parseAsync(args.length === 1 && args[0] === '--version' ? ['-V'] : args, {
      from: 'user',
    });
    return exit;
  } catch (thrown) {
    if (isCommanderError(thrown)) {
      if (thrown.exitCode === 0) return 0;
      return report(usageError(thrown), host, options);
    }
    return report(thrown, host, options);
  }
}

function report(thrown: unknown, host: CliHost, options: GlobalOptions): number {
  const dim = canColour(host.stderr, host.env)
    ? (text: string) => `\u001b[2m${text}\u001b[22m`
    : undefined;
  // Tickets are made on the operator socket, whichever one it was that refused.
  const { socket: _, ...elsewhere } = options;
  const isAboutTicket = isCooeeError(thrown) && thrown.code.startsWith('ERR_SESSIONS_');
  const { text, exit } = reportError(thrown, {
    json: options.json === true,
    command: commandOf(host, isAboutTicket ? elsewhere : options),
    ...(dim === undefined ? {} : { dim }),
  });
  host.stderr.write(text);
  return exit;
}

/** A parse error happens before the options are known, so `--json` is looked for by hand. */
function asksForJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end === -1 ? args : args.slice(0, end)).includes('--json');
}

function isCommanderError(thrown: unknown): thrown is CommanderError {
  return thrown instanceof Error && thrown.name === 'CommanderError';
}

function usageError(error: CommanderError): CooeeError {
  const [message = '', ...hints] = error.message.replace(/^error: /u, '').split('\n');
  if (error.code === 'commander.help') {
    return new CooeeError('ERR_API_USAGE', 'a command is missing');
  }
  const suggestion = hints.join(' ').trim();
  return new CooeeError(
    'ERR_API_USAGE',
    suggestion === '' ? message : `${message} ${suggestion}`,
    hintFor(message),
  );
}

/**
 * `cooee resolve #7` without quotes reaches us without the number: a shell takes it for a comment.
 */
function hintFor(message: string): { remedy?: string } {
  if (!message.includes("missing required argument 'what'")) return {};
  return { remedy: "Quote a number, which shells take for a comment: cooee resolve '#7'" };
}
