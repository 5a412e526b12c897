import { CooeeError } from '../../../protocols/interface/index.ts';
import { sanitizeLine } from '../../../protocols/interface/text/sanitize.ts';
import type { StatusView } from '../../api/routes/index.ts';
import type { CliContext } from '../context.ts';
import { formatFields } from '../format/table.ts';
import { parseInteger } from '../input/numbers.ts';
import { answerWrite, COMMITTED } from '../write.ts';

/** Options of `cooee mesh set`. */
export interface SetOptions {
  readonly name?: string;
  readonly voters?: 'auto' | '1' | '3' | '5';
  readonly level?: string;
}

/** `cooee mesh`: what holds for all, and who votes. */
export async function runMesh(context: CliContext): Promise<number> {
  const client = await context.client();
  const { mesh, slurp } = await client.call('getStatus');
  context.answer({ ...mesh, voters: slurp.voters, learners: slurp.learners }, () =>
    formatFields(
      [
        ['name', [sanitizeLine(mesh.name)]],
        ['id', [mesh.id]],
        ['level', [String(mesh.level)]],
        ['voters', votersOf(slurp, mesh.votersTarget)],
      ],
      context.colours.dim,
    ),
  );
  return 0;
}

/** `cooee mesh set` */
export async function runSet(context: CliContext, options: SetOptions): Promise<number> {
  const { name, voters, level } = options;
  if (name === undefined && voters === undefined && level === undefined) {
    throw new CooeeError('ERR_API_USAGE', 'nothing to set: --name, --voters or --level');
  }
  const client = await context.client();
  const body = {
    ...(name === undefined ? {} : { name }),
    ...(voters === undefined ? {} : { votersTarget: TARGETS[voters] }),
    ...(level === undefined
      ? {}
      : { level: parseInteger(level, { name: '--level', min: 1, max: 255 }) }),
  };
  const write = await client.call('setMesh', { query: COMMITTED, body });
  return answerWrite(context, write, 'done');
}

const TARGETS = { auto: 'auto', 1: 1, 3: 3, 5: 5 } as const;

function votersOf({ voters, learners, leader, followers }: StatusView['slurp'], target: unknown) {
  const notes = new Map(
    followers.map(({ peer, lagEntries, silentMs }) => [
      peer,
      `  ${lagEntries} behind, answered ${silentMs === null ? 'never' : `${silentMs} ms ago`}`,
    ]),
  );
  const line = (peer: string): string =>
    `${peer}${peer === leader ? '  leads' : (notes.get(peer) ?? '')}`;
  return [
    `${voters.length} (wanted: ${String(target)})`,
    ...voters.map(line),
    ...learners.map((peer) => `${line(peer)}  learner`),
  ];
}
