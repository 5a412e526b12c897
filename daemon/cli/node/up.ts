import { resolve } from 'node:path';
import { type CliContext, canColour } from '../context.ts';
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
  readonly config?: string;
  readonly logLevel?: LogLevel;
}

/** `cooee up`: runs the daemon in this process until it is told to stop. */
export async function runUp(context: CliContext, flags: UpFlags): Promise<number> {
  const { env, stdin } = context.host;
  const invite = await readInvite({ argument: flags.join, env: env['COOEE_INVITE'], stdin });
  const { runDaemon } = await context.host.loadDaemon();
  return runDaemon(toUpOptions(context, flags, invite));
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
    ...(flags.hostname === undefined ? {} : { hostname: flags.hostname }),
    ...(flags.mac === undefined ? {} : { mac: flags.mac }),
    ...(flags.mdns === false ? { mdns: false } : {}),
    ...(invite === undefined ? {} : { join: invite }),
    ...(flags.joinOrFail === true ? { joinOrFail: true } : {}),
    ...(flags.logLevel === undefined ? {} : { logLevel: flags.logLevel }),
    ...(flags.config === undefined ? {} : { config: path(flags.config) }),
  };
}
