import { CooeeError, isCooeeError } from '../../../protocols/interface/index.ts';
import type { ResponseOf } from '../../api/routes/index.ts';
import type { CliContext } from '../context.ts';
import { readRecoveryKey } from '../input/recovery-key-source.ts';
import type { CliClient } from '../socket-client.ts';
import { findPeer } from './members.ts';

/** Options of `cooee recover`. */
export interface RecoverFlags {
  readonly key?: string;
  readonly lost?: readonly string[];
  readonly yes?: boolean;
  readonly choose?: string;
  readonly dryRun?: boolean;
}

type Recovered = ResponseOf<'recoverMesh'>;

/** `cooee recover`: the log of this node goes on after a majority of the voters was lost. */
export async function runRecover(context: CliContext, flags: RecoverFlags): Promise<number> {
  const client = await context.client();
  const chosen = flags.choose === undefined ? {} : { choose: flags.choose };
  if (flags.dryRun === true) {
    const plan = await client.call('recoverMesh', { body: { ...chosen, dryRun: true } });
    context.answer(plan, () => planText(plan, flags.choose !== undefined));
    return 0;
  }
  const lost = await lostVoters(client, { flags, chosen });
  const { host } = context;
  const key = await readRecoveryKey({ ...host, argument: flags.key });
  const recovered = await recover(client, { ...chosen, key, lost });
  const isChosen = flags.choose !== undefined;
  context.answer(recovered, () => recoveredText(recovered, isChosen));
  const whoLater = isChosen ? 'there' : `later than entry ${recovered.index}`;
  context.remark(
    'cooee: the others follow by themselves and get seats again; members that joined ' +
      `${whoLater} must join again\n` +
      `cooee: hint: next: ${context.command} status\n`,
  );
  return 0;
}

async function lostVoters(
  client: CliClient,
  { flags, chosen }: { readonly flags: RecoverFlags; readonly chosen: { choose?: string } },
): Promise<string[]> {
  if (flags.yes === true) {
    return (await client.call('recoverMesh', { body: { ...chosen, dryRun: true } })).away;
  }
  const peers: string[] = [];
  for (const text of flags.lost ?? []) peers.push(await findPeer(client, text));
  return peers;
}

/** Names what to type when voters were not named. */
async function recover(
  client: CliClient,
  body: { readonly key: string; readonly lost: string[]; readonly choose?: string },
): Promise<Recovered> {
  try {
    return await client.call('recoverMesh', { body });
  } catch (error) {
    if (!isCooeeError(error, 'ERR_SLURP_RECOVERY') || error.details['reason'] !== 'lost') {
      throw error;
    }
    // With those that were named already: what is shown is typed as it stands.
    const lost = [...body.lost, String(error.details['lost'])].join(' ');
    const choice = body.choose === undefined ? '' : ` --choose ${body.choose}`;
    const remedy = `When they are lost for good, name them: cooee recover${choice} --lost ${lost}`;
    throw new CooeeError(error.code, error.message, { details: error.details, remedy });
  }
}

function planText(plan: Recovered, isChosen: boolean): string {
  return (
    `epoch ${plan.epoch} would begin behind entry ${plan.index} of this node\n` +
    `voters that do not answer: ${plan.away.join(' ') || 'none'}\n` +
    lostText(plan, isChosen)
  );
}

function recoveredText(plan: Recovered, isChosen: boolean): string {
  return (
    `recovered: epoch ${plan.epoch} (${plan.id ?? ''}) begins behind entry ${plan.index}\n` +
    lostText(plan, isChosen)
  );
}

function lostText({ index, lostIndex }: Recovered, isChosen: boolean): string {
  // The two parted before this node's last entry, so no index here says from where on.
  if (isChosen) return 'all that the other branch wrote since the two parted is given up\n';
  if (lostIndex === null) {
    return `what the lost voters alone had behind entry ${index} is lost\n`;
  }
  return `entries ${index + 1} to ${lostIndex} were committed elsewhere and are lost\n`;
}
