import { describe, expect, it } from 'vitest';
import { mirrorFindings, nameFindings } from '../../../tidy/rules/names.ts';

describe('names', () => {
  it.each(['storage/Segment.ts', 'storage/segment_log.ts', 'docs/Two Words.md', 'Storage/a.ts'])(
    'refuses %s',
    (path) => expect(nameFindings([path])).toHaveLength(1),
  );

  it.each(['storage/utils.ts', 'daemon/client-helpers.ts', 'daemon/misc/a.ts'])(
    'refuses the empty word in %s',
    (path) => expect(nameFindings([path])[0]?.message).toContain('says nothing'),
  );

  it('accepts the rest', () => {
    const good = ['storage/segment-log.ts', 'README.md', 'docs/decisions/0001-a.md', 'a/b.test.ts'];
    expect(nameFindings([...good, 'package.json', '.ci/run'])).toEqual([]);
  });
});

describe('mirrors', () => {
  const sources = [
    'storage/segment-log.ts',
    'protocols/wire/codec.ts',
    'test/tidy/parse.ts',
    'daemon/api/routes/a.ts',
  ];

  it.each([
    'test/unit/storage/segment-log.test.ts',
    'test/unit/protocols/wire/codec.test.ts',
    'test/unit/wire/codec-properties.test.ts',
    'test/unit/tidy/parse.test.ts',
    'test/unit/daemon/api/routes.test.ts',
  ])('accepts %s', (path) => expect(mirrorFindings([...sources, path])).toEqual([]));

  it.each(['test/unit/storage/other.test.ts', 'test/unit/segment-log.test.ts'])(
    'refuses %s',
    (path) => expect(mirrorFindings([...sources, path])).toHaveLength(1),
  );
});
