import type { Command } from 'commander';
import type { Act } from '../program.ts';

/** Commands about the log: the audit. */
export function defineLogCommands(program: Command, act: Act): void {
  const log = program
    .command('log')
    .description('show the log of the mesh; with --json one entry a line')
    .option('--from <index>', 'begin at this entry (default: the first that is kept)')
    .option('--actor <who>', 'only commands of this node (peer id or name) or agent (token)')
    .option('--kind <kind>', 'only commands of this kind, or family: agent.*')
    .option('--verify', 'check the log on the disk of this node against its signed head')
    .action((options) =>
      act(async (context) => (await import('./log.ts')).runLog(context, options)),
    );
  log
    .command('proof')
    .description('print a proof of an entry, for cooee verify on any machine')
    .argument('<index>', 'the log index of the entry')
    .option('--after <index>', 'the log index of the reader’s anchor: what is before is left out')
    .action((index: string, options) =>
      act(async (context) => (await import('./proof.ts')).runProof(context, index, options)),
    );
  program
    .command('verify')
    .description('verify a proof; needs no daemon. Exit 4 when it is refused')
    .argument('<file>', 'the proof, or - for stdin')
    .option('--anchor <anchor>', 'what you trust: INDEX:ROOT:VOTERS, an invite, or @FILE with one')
    .action((file: string, options) =>
      act(async (context) => (await import('./verify.ts')).runVerify(context, file, options)),
    );
}
