/**
 * The command line. `daemon/main.ts` calls {@link runCli}; everything that a command needs is
 * loaded when that command runs, so that `cooee status` starts as fast as node does.
 *
 * @packageDocumentation
 */
import { homedir, userInfo } from 'node:os';
import { basename, dirname, isAbsolute } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command, CommanderError } from 'commander';
import { CooeeError, isCooeeError } from '../../protocols/interface/index.ts';
import {
  type CliHost,
  canColour,
  commandOf,
  createContext,
  type GlobalOptions,
} from './context.ts';
import { packageVersion } from './invocation.ts';
import { nameInput } from './name-input.ts';
import { buildProgram } from './program.ts';
import { reportError } from './report-error.ts';
import { processStdout } from './stdout.ts';

export type { LoadBackup } from './backup/tools.ts';
export type { CliHost } from './context.ts';
export type { LoadDaemon, LogLevel, UpOptions } from './up-options.ts';

/** The real process as the command line's world. */
export function processHost({
  loadDaemon,
  loadBackup,
  watchHolder,
}: Pick<CliHost, 'loadBackup' | 'loadDaemon' | 'watchHolder'>): CliHost {
  let isDaemon = false;
  const output = processStdout((error) => {
    if (error.code === 'EPIPE') {
      // `cooee events | head -1`: the reader has what it wanted. A command that is done ends with
      // its own exit code, and a daemon outlives who read its first lines.
      if (!isDaemon) setImmediate(() => process.exit());
      return;
    }
    process.stderr.write(`cooee: cannot write to stdout (${error.code ?? error.message})\n`);
    process.exit(1);
  });
  // There is nobody to tell; the exit code says how it went.
  process.stderr.on('error', () => undefined);
  return {
    env: process.env,
    cwd: process.cwd(),
    uid: process.getuid?.() ?? -1,
    homedir: homeFolder(),
    user: userName(),
    script: process.argv[1],
    version: packageVersion(import.meta.dirname),
    stdin: process.stdin,
    stdout: output.stdout,
    stderr: process.stderr,
    writeOut: output.writeOut,
    connect: async (socket, ticket) => {
      const { SocketClient } = await import('./socket-client.ts');
      return new SocketClient(socket, ticket);
    },
    watchHolder,
    loadDaemon: () => {
      isDaemon = true;
      return loadDaemon();
    },
    loadBackup,
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

/** Without HOME, and for a user that the system does not know, node has no answer but an error. */
function homeFolder(): string {
  try {
    const home = homedir();
    // HOME may be set to nothing (cron, some containers); no home is below the working folder.
    return isAbsolute(home) ? home : userInfo().homedir;
  } catch {
    return '/';
  }
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
    const { at, help } = commandIn(program, args);
    if (isCommanderError(thrown)) {
      if (thrown.exitCode === 0) return 0;
      return report(usageError(thrown, help), host, options);
    }
    return report(nameInput(thrown, at, help), host, options);
  }
}

function report(thrown: unknown, host: CliHost, options: GlobalOptions): number {
  const dim = canColour(host.stderr, host.env)
    ? (text: string) => `\u001b[2m${text}\u001b[22m`
    : undefined;
  const { text, exit } = reportError(thrown, {
    json: options.json === true,
    command: commandOf(host, whereToType(thrown, options)),
    ...(dim === undefined ? {} : { dim }),
  });
  host.stderr.write(text);
  return exit;
}

/** The home and socket that the commands of a remedy are for. */
function whereToType(thrown: unknown, options: GlobalOptions): GlobalOptions {
  if (!isCooeeError(thrown)) return options;
  // An invite or a backup is made at another home, mostly on another host.
  if (/^ERR_(MEMBERSHIP_INVITE|BACKUP_FOREIGN)/u.test(thrown.code)) return {};
  const { socket, ...elsewhere } = options;
  // Tickets are made on the operator socket, whichever one it was that refused.
  if (thrown.code.startsWith('ERR_SESSIONS_')) return elsewhere;
  // A daemon that is started with the agent socket as its --socket would give agents all rights.
  const isAgents = socket !== undefined && /(?:^|[./])agent\.sock$/u.test(socket);
  if (!isAgents || thrown.code !== 'ERR_API_DAEMON_NOT_RUNNING') return options;
  return basename(socket) === 'agent.sock' ? { home: dirname(socket), ...elsewhere } : elsewhere;
}

/** A parse error happens before the options are known, so `--json` is looked for by hand. */
function asksForJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end === -1 ? args : args.slice(0, end)).includes('--json');
}

function isCommanderError(thrown: unknown): thrown is CommanderError {
  return thrown instanceof Error && thrown.name === 'CommanderError';
}

/** The command that was named, and how its help is asked for. */
function commandIn(program: Command, args: readonly string[]): { at: Command; help: string } {
  const words = ['cooee'];
  let at = program;
  for (const arg of args) {
    const found = at.commands.find((it) => it.name() === arg || it.aliases().includes(arg));
    if (found === undefined) continue;
    words.push(found.name());
    at = found;
  }
  return { at, help: `${words.join(' ')} --help` };
}

function usageError(error: CommanderError, help: string): CooeeError {
  const see = { remedy: `See: ${help}` };
  const [message = '', ...hints] = error.message.replace(/^error: /u, '').split('\n');
  if (error.code === 'commander.help') {
    return new CooeeError('ERR_API_USAGE', 'a command is missing', see);
  }
  const suggestion = hints.join(' ').trim();
  return new CooeeError(
    'ERR_API_USAGE',
    suggestion === '' ? message : `${message} ${suggestion}`,
    hintFor(message) ?? see,
  );
}

/**
 * `cooee resolve #7` without quotes reaches us without the number: a shell takes it for a comment.
 */
function hintFor(message: string): { readonly remedy: string } | undefined {
  if (!message.includes("missing required argument 'what'")) return undefined;
  return { remedy: "Quote a number, which shells take for a comment: cooee resolve '#7'" };
}
