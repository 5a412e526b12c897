import { describe, expect, it } from 'vitest';
import { SocketClient } from '../../../../daemon/cli/socket-client.ts';
import { CALL_ID } from '../api/fake-calls.ts';
import { startBench } from '../api/fixture.ts';
import { PEER_A, run } from './fake-host.ts';

// Every command over a real socket against the real server (with services that only remember their
// calls): what the command line sends is what the routes take.

const INVITE = `cooee1${'a2'.repeat(40)}`;
const connect = async (socket: string) => new SocketClient(socket);

describe('the command line and the server agree', () => {
  it.each([
    ['status', 'queryAgents'],
    ['invite --uses 2 --ttl 90m --role curator', 'issueInvite({"uses":2,"ttlMs":5400000'],
    ['invite', 'issueInvite({"uses":1,"ttlMs":86400000'],
    [`join ${INVITE}`, `join("${INVITE}")`],
    ['leave', 'leave()'],
    ['members', ''],
    [`members remove ${PEER_A}`, `removeMember("${PEER_A}", {"committed":true`],
    [`members role ${PEER_A} curator`, `setRole("${PEER_A}", "curator", {"committed":true`],
    ['agents --capability rust --status idle --model l --q x --limit 3', 'queryAgents'],
    [`agents rebind 458RV ${PEER_A}`, `rebind("458RV", "${PEER_A}", {"committed":true`],
    ['enrol --model m --gpu 3 --gpu-info RTX', 'enrol([{"model":"m","gpuId":3,"gpuInfo":"RTX"}]'],
    ['enrol --model m --model n --wait', 'enrol([{"model":"m"},{"model":"n"}]'],
    ['retire 458RV', 'retire("458RV", {"committed":true'],
    ['announce 458RV --status busy --tasks 0', 'announce("458RV", {"status":"busy","tasks":0}'],
    ['resolve 458RV', 'resolveAgent("458RV")'],
    ['resolve #42', 'resolveAgent("number:42")'],
    ['resolve ucxl://agentid:458RV', 'resolveAgent("ucxl://agentid:458RV")'],
    [
      'call May-I --deadline 1m --option yes',
      'openCall({"question":"May-I","context":"","options":["yes"]',
    ],
    [
      'call May-I --default no --severity info',
      '"default":"no","severity":"info","onTimeout":"default"',
    ],
    ['calls --severity info', 'listCalls({"state":"active","severity":"info","limit":100})'],
    [`claim ${CALL_ID} --by Ada`, `claimCall("${CALL_ID}", {"by":"Ada"}, {"committed":true`],
    [`release ${CALL_ID}`, `releaseCall("${CALL_ID}", {"fence":1}, {"committed":true`],
    [
      `answer ${CALL_ID} yes --by Ada`,
      `answerCall("${CALL_ID}", {"fence":1,"text":"yes","by":"Ada"}`,
    ],
    [`withdraw ${CALL_ID}`, `withdrawCall("${CALL_ID}", {"committed":true`],
    ['leader', ''],
    ['doctor', ''],
  ])('%s', async (line, call) => {
    const bench = await startBench();
    const args = [...line.split(' '), '--socket', bench.socketPath];
    const { exit, stdout, stderr } = await run(args, { host: { connect } });
    expect({ exit, errors: stderr.includes('hint: see') }).toEqual({ exit: 0, errors: false });
    expect(stdout).not.toBe('');
    expect(bench.calls.join('\n')).toContain(call);
  });

  it('refusals come through with their exit code', async () => {
    const bench = await startBench();
    const args = ['resolve', 'none', '--json', '--socket', bench.socketPath];
    const { exit, stderr } = await run(args, { host: { connect } });
    expect(exit).toBe(3);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'ERR_API_NOT_FOUND' } });
  });
});
