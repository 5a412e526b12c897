import { Argument, type Command, Option } from 'commander';
import type { Act } from '../program.ts';

const KINDS = ['dr'];

/** Commands about work that is handed in. */
export function defineWorkCommands(program: Command, act: Act): void {
  program
    .command('submit')
    .description('hand in a decision record; the same content again is the same submission')
    .addArgument(new Argument('<kind>', 'what it is').choices(KINDS))
    .argument('<file>', 'a file with the record as JSON, or - for stdin')
    .option('--wait', 'answer when it is committed')
    .action((kind: 'dr', file: string, options) =>
      act(async (context) =>
        (await import('./submit.ts')).runSubmit(context, { kind, file, ...options }),
      ),
    );
  program
    .command('submissions')
    .description('list what was handed in, the newest first; with an id, show that one')
    .argument('[id]', 'the id of a submission')
    .addOption(new Option('--kind <kind>', 'of this kind').choices(KINDS))
    .option('--address <address>', 'the versions at this address')
    .option('--author <author>', 'by this node (peer id) or agent (token)')
    .addOption(new Option('--state <state>', 'that came so far').choices(['accepted', 'committed']))
    .option('--limit <count>', 'at most so many (default: 100)')
    .action((id: string | undefined, options) =>
      act(async (context) =>
        (await import('./submissions.ts')).runSubmissions(context, id, options),
      ),
    );
}
