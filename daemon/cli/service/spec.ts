import { existsSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import {
  inviteFile,
  type ServiceScope,
  type ServiceSpec,
} from '../../../bootstrap/service/index.ts';
import { resolveHome } from '../../../protocols/interface/home-path.ts';
import { CooeeError } from '../../../protocols/interface/index.ts';
import type { CliContext, CliHost } from '../context.ts';
import { refuseEmpty, type UpFlags } from '../node/up.ts';

/** What of the options of `cooee service install` decides what is run. */
export type SpecFlags = Omit<UpFlags, 'adopt' | 'joinOrFail'>;

/**
 * What a service is to run: this program, with these options.
 *
 * @param isJoining - it is to take an invite from the file where the service's install puts it
 * @throws CooeeError ERR_API_USAGE when an option is empty, or this program does not know its own
 * file
 */
export function specOf(
  context: CliContext,
  flags: SpecFlags,
  init: { readonly scope: ServiceScope; readonly isJoining: boolean },
): ServiceSpec {
  const { host, socketFlag } = context;
  refuseEmpty(flags);
  if (host.script === undefined) {
    throw new CooeeError('ERR_API_USAGE', 'this program does not know which file it is');
  }
  const home = homeOf(context, init.scope);
  const path = (given: string): string => resolve(host.cwd, given);
  const agentSocket = flags.agentSocket === undefined ? undefined : path(flags.agentSocket);
  const sockets = [socketFlag, agentSocket].filter((socket) => socket !== undefined);
  return {
    version: host.version,
    node: nodeOf(host.env),
    script: realPath(host.script) ?? host.script,
    home,
    words: [
      ...(init.isJoining ? ['--join', `@${inviteFile(home)}`] : []),
      ...(flags.listen ?? []).flatMap((address) => ['--listen', address]),
      ...option('--hostname', flags.hostname),
      ...option('--mac', flags.mac),
      ...(flags.mdns === false ? ['--no-mdns'] : []),
      ...option('--socket', socketFlag),
      ...option('--agent-socket', agentSocket),
      ...option('--agent-group', flags.agentGroup),
      ...option('--config', flags.config === undefined ? undefined : path(flags.config)),
      ...option('--log-level', flags.logLevel),
    ],
    folders: sockets.map(dirname).filter((folder) => !`${folder}/`.startsWith(`${home}/`)),
  };
}

function option(name: string, value: string | undefined): readonly string[] {
  return value === undefined ? [] : [name, value];
}

/** The home of a service of the system is root's, whoever asks; given homes are taken as given. */
function homeOf({ home, host }: CliContext, scope: ServiceScope): string {
  const own = resolve(host.cwd, resolveHome({ ...host, flag: undefined }));
  const isGiven = home !== own;
  return scope === 'user' || isGiven ? home : resolveHome({ ...host, flag: undefined, uid: 0 });
}

/**
 * The node binary by the name under which it is found, when that is this one: a package of the
 * system that is upgraded keeps that name, and not always the file behind it.
 */
function nodeOf(env: CliHost['env']): string {
  const real = realPath(process.execPath) ?? process.execPath;
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder.startsWith('/'));
  const first = folders.map((folder) => join(folder, 'node')).find((file) => existsSync(file));
  const isLasting = first !== undefined && !first.includes('/node_modules/');
  return isLasting && realPath(first) === real ? first : real;
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
