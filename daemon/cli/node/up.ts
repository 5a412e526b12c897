import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isCooeeError } from '../../../protocols/interface/index.ts';
import { type CliContext, canColour, given } from '../context.ts';
import { readInvite } from '../input/invite-source.ts';
import type { LogLevel, UpOptions } from '../up-options.ts';

/** Options of `cooee up` as they were typed. */
export interface UpFlags {
  readonly join?: string;
  /** Not an option: `cooee join` gives up when no inviter answers. */
  readonly joinOrFail?: boolean;
  readonly listen?: readonly string[];
  readonly hostname?: string;
  readonly mac?: string;
  /** False after `--no-mdns`; commander makes it true when not given. */
  readonly mdns?: boolean;
  readonly adopt?: boolean;
  readonly agentSocket?: string;
  readonly agentGroup?: string;
  readonly config?: string;
  readonly logLevel?: LogLevel;
}

/** `cooee up`: runs the daemon in this process until it is told to stop. */
export async function runUp(context: CliContext, flags: UpFlags): Promise<number> {
  refuseEmpty(flags);
  const invite = await inviteOf(context, flags);
  const { runDaemon } = await context.host.loadDaemon();
  return runDaemon(toUpOptions(context, flags, invite));
}

/**
 * The system's own tools take an empty group for the one at hand, and an empty path is the working
 * folder.
 *
 * @throws CooeeError ERR_API_USAGE when an option is empty
 */
export function refuseEmpty(flags: Omit<UpFlags, 'adopt' | 'joinOrFail'>): void {
  for (const address of flags.listen ?? []) given(address, '--listen');
  given(flags.hostname, '--hostname');
  given(flags.mac, '--mac');
  given(flags.agentSocket, '--agent-socket');
  given(flags.agentGroup, '--agent-group');
  given(flags.config, '--config');
}

/**
 * The invite that was given. Where a unit or a script says `up --join @FILE` at every boot, the
 * file is mostly gone after the first: who is in a mesh already needs none, also when a restore was
 * cut off just before it put the mesh in its place.
 */
async function inviteOf(context: CliContext, flags: UpFlags): Promise<string | undefined> {
  const { env, stdin, stderr } = context.host;
  try {
    return await readInvite({ argument: flags.join, env: env['COOEE_INVITE'], stdin });
  } catch (error) {
    const isInMesh = ['mesh', 'restored-files/mesh'].some((folder) =>
      existsSync(join(context.home, folder, 'mesh.json')),
    );
    if (!isInMesh || !isCooeeError(error)) throw error;
    stderr.write(`cooee: ${error.message}; not needed: this home is in a mesh already\n`);
    return undefined;
  }
}

/** The flags as the daemon takes them: paths absolute, what was not given left out. */
export function toUpOptions(
  context: CliContext,
  flags: UpFlags,
  invite: string | undefined,
): UpOptions {
  const { host } = context;
  const path = (given: string): string => resolve(host.cwd, given);
  return {
    home: context.home,
    listen: flags.listen ?? [],
    adopt: flags.adopt === true,
    json: context.json,
    command: context.command,
    colour: canColour(host.stdout, host.env),
    ...(context.socketFlag === undefined ? {} : { socket: context.socketFlag }),
    ...(flags.agentSocket === undefined ? {} : { agentSocket: path(flags.agentSocket) }),
    ...(flags.agentGroup === undefined ? {} : { agentGroup: flags.agentGroup }),
    ...(flags.hostname === undefined ? {} : { hostname: flags.hostname }),
    ...(flags.mac === undefined ? {} : { mac: flags.mac }),
    ...(flags.mdns === false ? { mdns: false } : {}),
    ...(invite === undefined ? {} : { join: invite }),
    ...(flags.joinOrFail === true ? { joinOrFail: true } : {}),
    ...(flags.logLevel === undefined ? {} : { logLevel: flags.logLevel }),
    ...(flags.config === undefined ? {} : { config: path(flags.config) }),
  };
}
