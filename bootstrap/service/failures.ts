import { mayBeHome } from '../../protocols/interface/home-path.ts';
import { CooeeError } from '../../protocols/interface/index.ts';
import type { CommandResult, ServicePorts } from './types.ts';

/** Of what a command of the system said, so much of the end is shown. */
const SAID_LENGTH_MAX = 500;

/** What a command of the system refused, in its own words. */
export function failed(command: string, result: CommandResult, remedy = ''): CooeeError {
  const said = (result.stderr.trim() || result.stdout.trim()).slice(-SAID_LENGTH_MAX);
  const how = result.code === undefined ? 'there is no such command' : `exit ${result.code}`;
  return new CooeeError(
    'ERR_BOOTSTRAP_SERVICE_FAILED',
    `${command}: ${said === '' ? how : said.replaceAll(/\s+/gu, ' ')}`,
    { details: { command }, ...(remedy === '' ? {} : { remedy }) },
  );
}

/** There is no service of ours. */
export function missing(file: string): CooeeError {
  return new CooeeError('ERR_BOOTSTRAP_SERVICE_MISSING', undefined, { details: { file } });
}

/** A description that somebody else wrote. */
export function foreign(file: string): CooeeError {
  const message = `${file} was not made by cooee service install.`;
  return new CooeeError('ERR_BOOTSTRAP_SERVICE_FOREIGN', message, { details: { file } });
}

/** A home that belongs neither to the service's user nor to root: it is not ours to take. */
export function homeOfOther(home: string, owner: number, user: string): CooeeError {
  return new CooeeError(
    'ERR_STORAGE_HOME_FOREIGN',
    `The home ${home} belongs to user ${owner}, not to ${user}.`,
    { details: { home, owner }, remedy: 'Give another one with --home, or use --user.' },
  );
}

/**
 * A service makes its home its user's own, with all that is in it: never a folder of other things,
 * such as /opt.
 *
 * @throws CooeeError ERR_API_USAGE
 */
export async function refuseOtherFolder(
  ports: Pick<ServicePorts, 'entriesIn'>,
  home: string,
): Promise<void> {
  if (mayBeHome(await ports.entriesIn(home))) return;
  throw new CooeeError('ERR_API_USAGE', `The folder ${home} holds other things: it is no home.`, {
    details: { home },
    remedy: 'Give an empty folder, or one that is not there, with --home.',
  });
}
