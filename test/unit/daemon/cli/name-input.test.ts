import { describe, expect, it } from 'vitest';
import { SocketClient } from '../../../../daemon/cli/socket-client.ts';
import { CALL_ID } from '../api/fake-calls.ts';
import { startBench } from '../api/fixture.ts';
import { run } from './fake-host.ts';

// What the real schemas refuse, as a person reads it who typed a command.

const connect = async (socket: string) => new SocketClient(socket);

describe('a field that the daemon refuses', () => {
  it.each([
    [['invite', '--ttl', '99999d'], '--ttl', 'invite'],
    [['retire', ''], 'TOKEN', 'retire'],
    [['resolve', ''], 'WHAT', 'resolve'],
    [['mesh', 'set', '--name', ''], '--name', 'mesh set'],
    [['call', ''], 'QUESTION', 'call'],
    [['call', 'q', '--deadline', '31d'], '--deadline', 'call'],
    [['call', 'q', '--option', ''], '--option', 'call'],
    [['claim', CALL_ID, '--by', ''], '--by', 'claim'],
    [['announce', '458RV', '--capability', ''], '--capability', 'announce'],
    [['enrol', '--model', ''], '--model', 'enrol'],
  ])('is named as it was typed: %j', async (words, name, command) => {
    const { socketPath } = await startBench();
    const { exit, stderr } = await run([...words, '--socket', socketPath], { host: { connect } });
    expect(exit).toBe(2);
    const [what, hint] = stderr.split('\n');
    expect(what).toMatch(new RegExp(`^cooee: ${name}: \\w`, 'u'));
    expect(hint).toMatch(new RegExp(`^cooee: hint: see: cooee .*${command} --help$`, 'u'));
  });

  it('of a file stays what it is, and leads to its schema', async () => {
    const { socketPath } = await startBench();
    const words = ['submit', 'dr', '-', '--socket', socketPath];
    const { exit, stderr } = await run(words, { host: { connect }, stdin: '{"titel":1}' });
    expect(exit).toBe(2);
    expect(stderr).toMatch(/^cooee: body: \w+: /u);
    expect(stderr).toContain('submit --schema dr (or pr)');
  });
});
