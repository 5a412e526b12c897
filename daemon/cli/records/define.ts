import type { Command } from 'commander';
import { collect } from '../input/collect.ts';
import type { Act } from '../program.ts';

/** Commands about everything that has an address. */
export function defineRecordCommands(program: Command, act: Act): void {
  program
    .command('get')
    .description('show the record at an address, as it is or as it was')
    .argument('<address>', 'a UCXL address; ~~2 is two versions back, *~1 the first one')
    .action((address: string) =>
      act(async (context) => (await import('./get.ts')).runGet(context, address)),
    );
  program
    .command('watch')
    .description('watch what happens to what has an address; with --json one JSON object a line')
    .argument('<pattern>', 'a UCXL pattern, a short form, or an event type like member:*')
    .option('--since <id>', 'go on after the event with that id')
    .action((pattern: string, options) =>
      act(async (context) => (await import('./watch.ts')).runWatch(context, pattern, options)),
    );
  program
    .command('history')
    .description('list the versions of a record, the newest first')
    .argument('<address>', 'a UCXL address of any kind')
    .option('--walk <relation>', 'follow these links instead; may repeat; any: all', collect)
    .option('--limit <count>', 'at most so many versions, or records of a walk (default: 100)')
    .action((address: string, options) =>
      act(async (context) => (await import('./history.ts')).runHistory(context, address, options)),
    );
}
