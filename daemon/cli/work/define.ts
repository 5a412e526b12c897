import { Argument, type Command, Option } from 'commander';
import type { SubmissionRow } from '../../api/routes/index.ts';
import type { Act } from '../program.ts';

type SubmissionKind = SubmissionRow['kind'];

const KINDS = ['dr', 'pr'];
const STATES = ['accepted', 'relayed', 'committed', 'decided', 'refused'];

/** Commands about work that is handed in. */
export function defineWorkCommands(program: Command, act: Act): void {
  program
    .command('submit')
    .description('hand in a decision record or a pull request; the same again is the same one')
    .addArgument(new Argument('[kind]', 'what it is').choices(KINDS))
    .argument('[file]', 'a file with the record as JSON, or - for stdin')
    .option('--wait', 'answer when it is committed')
    .option('--schema [kind]', 'print the JSON Schema of the record instead')
    .action((kind: SubmissionKind | undefined, file: string | undefined, options) =>
      act(async (context) => {
        const { schema, ...flags } = options as { schema?: string | true; wait?: boolean };
        if (schema !== undefined) {
          const named = schema === true ? kind : schema;
          return (await import('./schema.ts')).runSchema(context, named);
        }
        const { runSubmit } = await import('./submit.ts');
        return await runSubmit(context, { kind, file, ...flags });
      }),
    );
  program
    .command('submissions')
    .description('list what was handed in, the newest first; with an id, show that one')
    .argument('[id]', 'the id of a submission')
    .addOption(new Option('--kind <kind>', 'of this kind').choices(KINDS))
    .option('--address <address>', 'the versions at this address')
    .option('--author <author>', 'by this node (peer id or name) or agent (token)')
    .addOption(new Option('--state <state>', 'that came so far').choices(STATES))
    .option('--limit <count>', 'at most so many (default: 100)')
    .option('--patch', 'print the patch of that one, for git apply')
    .action((id: string | undefined, options) =>
      act(async (context) =>
        (await import('./submissions.ts')).runSubmissions(context, id, options),
      ),
    );
  program
    .command('decide')
    .description('say what becomes of a submission; for curators')
    .argument('<id>', 'the id of a committed submission')
    .requiredOption('--as <word>', 'merged, accepted, rejected, or another word')
    .requiredOption('--why <text>', 'the reason')
    .option('--by <name>', 'who decides: the name of a person')
    .option('--instead', 'in place of the decision that is in force')
    .action((id: string, options) =>
      act(async (context) => (await import('./decide.ts')).runDecide(context, id, options)),
    );
}
