import { type Command, Option } from 'commander';
import { CALL_POLICIES, CALL_SEVERITIES, CALL_STATES } from '../../../protocols/interface/index.ts';
import { collect } from '../input/collect.ts';
import type { Act } from '../program.ts';

/** Commands about calls for human help. */
export function defineCallCommands(program: Command, act: Act): void {
  defineCall(program, act);
  defineCalls(program, act);
  defineHuman(program, act);
  program
    .command('withdraw')
    .description('take back a call that was asked from this node')
    .argument('<id>', 'the id of a call, or its beginning or end')
    .action((id: string) =>
      act(async (context) => (await import('./act.ts')).runWithdraw(context, id)),
    );
}

function defineCall(program: Command, act: Act): void {
  program
    .command('call')
    .description('call a human; prints the id of the call, with --wait the answer')
    .argument('<question>', 'what they are asked')
    .option('--context <text>', 'what they need to know to answer')
    .option('--option <answer>', 'an answer that is suggested; may repeat', collect)
    .addOption(
      new Option('--severity <severity>', 'how much hangs on it (default: blocked)').choices(
        CALL_SEVERITIES,
      ),
    )
    .option('--deadline <when>', 'a time, or a duration like 30m from now (default: 1h)')
    .addOption(
      new Option('--on-timeout <policy>', 'what then becomes of it (default: wait)').choices(
        CALL_POLICIES,
      ),
    )
    .option('--default <answer>', 'the answer at the deadline; means --on-timeout default')
    .option('--wait', 'wait for the answer; exits 3 when the call expires or is withdrawn')
    .action((question: string, options) =>
      act(async (context) => (await import('./call.ts')).runCall(context, question, options)),
    );
}

function defineCalls(program: Command, act: Act): void {
  program
    .command('calls')
    .description('list the calls that are open or claimed; with an id, show that one')
    .argument('[id]', 'the id of a call, or its beginning or end')
    .addOption(
      new Option('--state <state>', 'in that state, or all').choices([
        'all',
        'active',
        'accepted',
        'refused',
        ...CALL_STATES,
      ]),
    )
    .addOption(new Option('--severity <severity>', 'of that severity').choices(CALL_SEVERITIES))
    .option('--asker <asker>', 'of this node (peer id or name) or agent (token)')
    .option('--limit <count>', 'at most so many (default: 100)')
    .option('--watch', 'stay, and show what changes; on a terminal with keys to claim and answer')
    .option('--plain', 'with --watch: a line for every change, for screen readers and files')
    .option('--by <name>', 'with --watch: who you are (default: your user name)')
    .action((id: string | undefined, options) =>
      act(async (context) => (await import('./calls.ts')).runCalls(context, id, options)),
    );
}

function defineHuman(program: Command, act: Act): void {
  program
    .command('claim')
    .description('take a call, so that nobody else works on it')
    .argument('<id>', 'the id of a call, or its beginning or end')
    .option('--by <name>', 'who you are (default: your user name)')
    .action((id: string, options) =>
      act(async (context) => (await import('./act.ts')).runClaim(context, id, options)),
    );
  program
    .command('release')
    .description('give a call back that is claimed at this node')
    .argument('<id>', 'the id of a call, or its beginning or end')
    .option('--by <name>', 'who you are (default: who claimed it at this node)')
    .action((id: string, options) =>
      act(async (context) => (await import('./act.ts')).runRelease(context, id, options)),
    );
  program
    .command('answer')
    .description('answer a call; claims it first when nobody has')
    .argument('<id>', 'the id of a call, or its beginning or end')
    .argument('<text>', 'the answer')
    .option('--by <name>', 'who you are (default: who claimed it here, else your user name)')
    .action((id: string, text: string, options) =>
      act(async (context) => (await import('./act.ts')).runAnswer(context, { id, text }, options)),
    );
}
