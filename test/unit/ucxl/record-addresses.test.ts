import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  agentAddress,
  enrolmentAddress,
  enrolRecordOf,
  formatAddress,
  isLeaderRecord,
  leaderAddress,
  memberAddress,
  memberRecordOf,
  parseAddress,
} from '../../../protocols/ucxl/index.ts';

const ENROL = 'ucxl://any:admin@COOEE:enrol/#/agentid';

describe('addresses of the register of agents', () => {
  it('are those of the specification', () => {
    expect(agentAddress(5, 3)).toBe('ucxl://any:admin@COOEE:enrol/#/agentid/5/3');
    expect(agentAddress(5, 0)).toBe('ucxl://any:admin@COOEE:enrol/#/agentid/5/0');
    expect(agentAddress(0)).toBe('ucxl://any:admin@COOEE:enrol/#/agentid/0');
    expect(enrolmentAddress('4TF5ED5V08')).toBe(
      'ucxl://any:admin@COOEE:enrol/#/agentid/4TF5ED5V08',
    );
  });

  it.each([
    [-1, 0],
    [2 ** 24, 0],
    [1.5, 0],
    [Number.NaN, 0],
    [5, 16],
    [5, -1],
    [5, 0.5],
  ])('refuse number %d slot %d', (number, slot) => {
    const refusal = expect.objectContaining({ code: 'ERR_AGENT_ID_RANGE' });
    expect(() => agentAddress(number, slot)).toThrow(refusal);
  });

  it.each(['', '4TF5ED5V0', '4TF5ED5V080', '4tf5ed5v08', '8000000000', '4TF5ED5VU8', '../../x'])(
    'refuse the tiny hash %j',
    (tinyHash) => {
      const refusal = expect.objectContaining({ code: 'ERR_AGENT_ID_RANGE' });
      expect(() => enrolmentAddress(tinyHash)).toThrow(refusal);
    },
  );

  it('are read back', () => {
    const number = fc.nat(2 ** 24 - 1);
    const slot = fc.option(fc.nat(15), { nil: undefined });
    fc.assert(
      fc.property(number, slot, (given, gpu) => {
        const address = parseAddress(agentAddress(given, gpu));
        expect(formatAddress(address)).toBe(agentAddress(given, gpu));
        expect(enrolRecordOf(address)).toEqual(
          gpu === undefined
            ? { kind: 'number', number: given }
            : { kind: 'agent', number: given, slot: gpu },
        );
      }),
    );
    for (const tinyHash of ['4TF5ED5V08', '0000000000', '7ZZZZZZZZZ', '1234567890']) {
      const address = parseAddress(enrolmentAddress(tinyHash));
      expect(enrolRecordOf(address)).toEqual({ kind: 'enrolment', tinyHash });
    }
  });

  it.each([
    'ucxl://agentid:458RV',
    'ucxl://any:admin@COOEE:enrol/~~/agentid/5/3',
    'ucxl://any@COOEE:enrol/#/agentid/5/3',
    'ucxl://bob:admin@COOEE:enrol/#/agentid/5/3',
    'ucxl://any:admin@cooee:enrol/#/agentid/5/3',
    'ucxl://any:admin@COOEE:help/#/agentid/5/3',
    'ucxl://any:admin@COOEE:enrol/#',
    ENROL,
    `${ENROL}/05/3`,
    `${ENROL}/5/03`,
    `${ENROL}/5/16`,
    `${ENROL}/5/3/1`,
    `${ENROL}/16777216`,
    `${ENROL}/4TF5ED5V08/3`,
    `${ENROL}/8000000000`,
    'ucxl://any:admin@COOEE:enrol/#/agents/5/3',
  ])('are not %s', (text) => {
    expect(enrolRecordOf(parseAddress(text))).toBeNull();
  });
});

describe('addresses of members and of the leader', () => {
  const PEER = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp';
  const MEMBER = `ucxl://any:admin@COOEE:mesh/#/member/${PEER}`;
  const LEADER = 'ucxl://any:admin@COOEE:slurp/#/leader';

  it('are canonical, and read back', () => {
    expect(memberAddress(PEER)).toBe(MEMBER);
    expect(leaderAddress()).toBe(LEADER);
    for (const text of [MEMBER, LEADER]) expect(formatAddress(parseAddress(text))).toBe(text);
    expect(memberRecordOf(parseAddress(MEMBER))).toBe(PEER);
    expect(isLeaderRecord(parseAddress(LEADER))).toBe(true);
  });

  it.each([
    `${MEMBER}/x`,
    MEMBER.replace('/#/', '/~~/'),
    MEMBER.replace('mesh', 'slurp'),
    MEMBER.replace('COOEE', 'cooee'),
    MEMBER.replace('any:admin', 'any'),
    'ucxl://any:admin@COOEE:mesh/#/member',
    'ucxl://agentid:458RV',
    LEADER,
    `${LEADER}/x`,
    LEADER.replace('/#/', '/~~/'),
  ])('are not %s', (text) => {
    const address = parseAddress(text);
    expect(memberRecordOf(address)).toBeNull();
    expect(isLeaderRecord(address)).toBe(text === LEADER);
  });
});
