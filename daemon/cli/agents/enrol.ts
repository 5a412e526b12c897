import { CooeeError, LIMITS } from '../../../protocols/interface/index.ts';
import type { EnrolView } from '../../api/routes/index.ts';
import type { CliContext } from '../context.ts';
import { formatTable } from '../format/table.ts';
import { parseInteger } from '../input/numbers.ts';
import { withProgress } from '../progress.ts';
import { COMMITTED_PATIENTLY, notCommitted } from '../write.ts';

/** Options of `cooee enrol`. */
export interface EnrolFlags {
  readonly model?: readonly string[];
  readonly gpu?: string;
  readonly gpuInfo?: string;
  readonly wait?: boolean;
}

/** One agent to enrol. */
export interface EnrolItem {
  readonly model: string;
  readonly gpuId?: number;
  readonly gpuInfo?: string;
}

/** `cooee enrol`: the models that were named, or picked on a terminal. */
export async function runEnrol(context: CliContext, flags: EnrolFlags): Promise<number> {
  const items =
    flags.model === undefined ? await pick(context, flags) : itemsOf(flags.model, flags);
  const [first] = items;
  if (first === undefined) {
    context.remark('cooee: nothing was picked\n');
    return 0;
  }
  const client = await context.client();
  const query = flags.wait === true ? COMMITTED_PATIENTLY : {};
  const body = items.length === 1 ? first : { models: [...items] };
  const call = (): Promise<EnrolView> => client.call('enrolAgents', { query, body });
  const answer =
    flags.wait === true
      ? await withProgress(context.host.stderr, 'waiting for the grant', call)
      : await call();
  context.answer(answer, () => formatEnrolment(context, answer));
  if (answer.state === 'committed') return 0;
  if (flags.wait === true) throw notCommitted(answer);
  context.remark(`cooee: ${answer.state}; ${context.command} agents shows the ids when granted\n`);
  return 0;
}

function itemsOf(models: readonly string[], flags: EnrolFlags): readonly EnrolItem[] {
  const bounds = { name: '--gpu', min: 0, max: LIMITS.gpuSlotsMax - 1 };
  const gpu = flags.gpu === undefined ? {} : { gpuId: parseInteger(flags.gpu, bounds) };
  const info = flags.gpuInfo === undefined ? {} : { gpuInfo: flags.gpuInfo };
  return models.map((model) => ({ model, ...gpu, ...info }));
}

async function pick(context: CliContext, flags: EnrolFlags): Promise<readonly EnrolItem[]> {
  const { stdin, stdout } = context.host;
  if (context.json || stdin.isTTY !== true || stdout.isTTY !== true) {
    throw new CooeeError('ERR_API_USAGE', 'a model is missing', {
      remedy: 'Name it: cooee enrol --model MODEL (on a terminal you can pick).',
    });
  }
  const client = await context.client();
  const host = await client.call('getHost');
  if (host.models.length === 0) {
    throw new CooeeError('ERR_API_NOT_FOUND', 'no models were found on this host', {
      remedy: 'Name one: cooee enrol --model MODEL',
    });
  }
  const { pickModels, pickGpu } = await import('./pick.ts');
  const models = await pickModels(host.models);
  if (models.length === 0 || flags.gpu !== undefined || host.gpus.length < 2) {
    return itemsOf(models, flags);
  }
  const gpu = await pickGpu(host.gpus);
  return gpu === undefined ? [] : itemsOf(models, { ...flags, gpu });
}

function formatEnrolment(context: CliContext, answer: EnrolView): string {
  return formatTable(
    [
      { title: 'TOKEN', text: (row) => row.token ?? '' },
      { title: 'MODEL', text: (row) => row.model },
      { title: 'GPU', text: (row) => row.gpuId },
    ],
    answer.agents,
    { titleStyle: context.colours.dim },
  );
}
