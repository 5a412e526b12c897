import { join, resolve } from 'node:path';
import pc from 'picocolors';
import { resolveHome } from '../../protocols/interface/home-path.ts';
import { CooeeError, LIMITS } from '../../protocols/interface/index.ts';
import { toSafeJson } from '../../protocols/interface/text/sanitize.ts';
import type { LoadBackup } from './backup/tools.ts';
import { readTicketFile } from './input/ticket-file.ts';
import { invocationOf, shellWord } from './invocation.ts';
import type { CliClient } from './socket-client.ts';
import type { LoadDaemon } from './up-options.ts';

/** A stream that text is written to. */
export interface CliOutput {
  readonly isTTY?: boolean | undefined;
  /** Size of the terminal, when it is one. */
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  /** False when its reader is behind: it says `drain` when it has caught up. */
  write(text: string): unknown;
  once?(event: 'drain', listener: () => void): unknown;
}

/** Writes a part of a stream of text; resolves when the reader has room for the next. */
export async function writePaced(output: CliOutput, text: string): Promise<void> {
  if (output.write(text) !== false) return;
  await new Promise<void>((resolve) => {
    if (output.once === undefined) resolve();
    else output.once('drain', resolve);
  });
}

/** The world of the command line: the process, or a test's stand-in. */
export interface CliHost {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly uid: number;
  readonly homedir: string;
  /** The name of the user at the system: who acts when no name is given. */
  readonly user: string;
  /** The script that node runs. */
  readonly script: string | undefined;
  readonly version: string;
  readonly stdin: AsyncIterable<Uint8Array | string> & {
    readonly isTTY?: boolean | undefined;
    /** Keys come one by one, and are not shown; there on a terminal. */
    setRawMode?(isRaw: boolean): unknown;
  };
  readonly stdout: CliOutput;
  readonly stderr: CliOutput;
  /** Resolves when stdout has the text; rejects when it cannot be written. */
  writeOut(text: string): Promise<void>;
  /** A client of the daemon whose socket is at `socket`; a ticket goes with every request. */
  connect(socket: string, ticket?: string): Promise<CliClient>;
  /** What tells whether the process that holds this home now still runs. */
  watchHolder(home: string): Promise<() => Promise<boolean>>;
  readonly loadDaemon: LoadDaemon;
  readonly loadBackup: LoadBackup;
  /** Resolves after `delayMs`. */
  delay(delayMs: number): Promise<void>;
  nowMs(): number;
  /** Runs `task` when the process ends otherwise than by itself; returns how to take it back. */
  onEnd?(task: () => void): () => void;
}

/** Options that every command takes. */
export interface GlobalOptions {
  readonly home?: string;
  readonly socket?: string;
  readonly ticket?: string;
  readonly json?: boolean;
}

/** What a command works with. */
export interface CliContext {
  readonly host: CliHost;
  /** Absolute. */
  readonly home: string;
  /** The operator socket, absolute. */
  readonly socket: string;
  /** The value of `--socket`, absolute, when given. */
  readonly socketFlag: string | undefined;
  /** The file with the ticket of the agent that acts, absolute, when given. */
  readonly ticketFile: string | undefined;
  readonly json: boolean;
  /** How the user calls this program again, with what this call needed. */
  readonly command: string;
  /** Colours of stdout; without effect when it is no terminal. */
  readonly colours: ReturnType<typeof pc.createColors>;
  /** Connects at the first call; every later call gives the same client. */
  client(): Promise<CliClient>;
  /** Writes a text for people, or with `--json` the value. */
  answer(value: unknown, text: () => string): void;
  /** The same for what must not be lost: rejects when stdout cannot be written. */
  answerSurely(value: unknown, text: () => string): Promise<void>;
  /** Writes a remark for people to stderr; nothing with `--json`. */
  remark(text: string): void;
}

/** Whether text on that stream may be coloured (https://no-color.org). */
export function canColour(output: CliOutput, env: CliHost['env']): boolean {
  const noColour = env['NO_COLOR'];
  if (noColour !== undefined && noColour !== '') return false;
  return output.isTTY === true && env['TERM'] !== 'dumb';
}

/**
 * How this program is called in this call's setting: with `--home` and `--socket` when they were
 * given.
 */
export function commandOf(host: CliHost, options: GlobalOptions): string {
  const words = [invocationOf({ script: host.script, cwd: host.cwd })];
  if (options.home !== undefined) words.push('--home', shellWord(options.home));
  if (options.socket !== undefined) words.push('--socket', shellWord(options.socket));
  return words.join(' ');
}

/**
 * Works out home and socket and binds them to the world.
 *
 * @throws CooeeError ERR_API_USAGE when an option is empty
 * @throws CooeeError ERR_API_SOCKET_PATH when the socket's path is too long for the system
 */
export function createContext(host: CliHost, options: GlobalOptions): CliContext {
  const home = resolve(host.cwd, resolveHome({ ...host, flag: given(options.home, '--home') }));
  const flag = given(options.socket, '--socket');
  const socketFlag = flag === undefined ? undefined : resolve(host.cwd, flag);
  const socket = socketFlag ?? join(home, 'cooee.sock');
  const ticketFile = ticketFileOf(host, options);
  const json = options.json === true;
  const answerOf = (value: unknown, text: () => string): string =>
    json ? `${toSafeJson(value, 2)}\n` : text();
  let connecting: Promise<CliClient> | undefined;
  return {
    host,
    home,
    socket,
    socketFlag,
    ticketFile,
    json,
    command: commandOf(host, options),
    colours: pc.createColors(canColour(host.stdout, host.env)),
    client() {
      checkSocketPath(socket);
      connecting ??= connect(host, socket, ticketFile);
      return connecting;
    },
    answer(value, text) {
      host.stdout.write(answerOf(value, text));
    },
    answerSurely: (value, text) => host.writeOut(answerOf(value, text)),
    remark(text) {
      if (!json) host.stderr.write(text);
    },
  };
}

function ticketFileOf(host: CliHost, options: GlobalOptions): string | undefined {
  const env = host.env['COOEE_TICKET_FILE'];
  const file = given(options.ticket, '--ticket') ?? (env === '' ? undefined : env);
  return file === undefined ? undefined : resolve(host.cwd, file);
}

async function connect(
  host: CliHost,
  socket: string,
  ticketFile: string | undefined,
): Promise<CliClient> {
  if (ticketFile === undefined) return await host.connect(socket);
  return await host.connect(socket, await readTicketFile(ticketFile));
}

/**
 * The value of an option. An empty one is mostly a variable of a shell that nobody has set.
 *
 * @throws CooeeError ERR_API_USAGE when it is empty
 */
export function given(value: string | undefined, name: string): string | undefined {
  if (value === '') throw new CooeeError('ERR_API_USAGE', `${name} is empty`);
  return value;
}

function checkSocketPath(socket: string): void {
  if (Buffer.byteLength(socket) <= LIMITS.socketPathBytesMax) return;
  throw new CooeeError('ERR_API_SOCKET_PATH', `the socket path is too long: ${socket}`);
}
