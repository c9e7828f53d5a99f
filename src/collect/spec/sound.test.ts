import { describe, expect, test } from 'vitest'
import { parseBody } from '../body.ts'
import { chance, mutated } from '../fuzz.fixture.ts'
import { checkMessage } from './check.ts'
import { itemsOf } from './request.ts'
import { countSound } from './sound.ts'

const receivedAt = Date.UTC(2026, 9, 1, 8)

/** What the careful look counts: all items if every one is taken, else none. */
function careful(bytes: Buffer, form: string): number {
  const parsed = parseBody(bytes)
  const items = parsed ? itemsOf(parsed.value, form) : []
  if (!parsed || !('length' in items)) return 0
  const request = { form, body: parsed.value, escaped: parsed.escaped, receivedAt }
  return items.every(item => checkMessage(item, request, { timestampIsFinal: false }) === undefined) ? items.length : 0
}

const sound = (body: unknown, form = 'batch') =>
  countSound(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), form, receivedAt)

describe('what SDKs send is seen at a glance', () => {
  const message = {
    type: 'track',
    event: '浏览项目',
    userId: 7,
    anonymousId: null,
    messageId: 'm1',
    timestamp: '2026-08-31T23:59:59.999Z',
    properties: { a: [1, -2.5, null, true, { b: '深层"补水\n' }], 'c.d': {} },
    context: {},
    integrations: { All: false },
  }
  test.each([
    [
      'a batch',
      {
        batch: [message, { type: 'page', anonymousId: 'a1' }],
        sentAt: '2026-09-01T00:00:00.000Z',
        context: { library: {} },
        writeKey: 'x',
      },
      'batch',
      2,
    ],
    ['an import', { batch: [message] }, 'import', 1],
    ['a single call', { ...message, type: undefined }, 'track', 1],
    ['identify', { userId: 'u', traits: { x: null } }, 'identify', 1],
    ['group', { type: 'group', userId: 'u', groupId: 'g' }, 'group', 1],
    ['alias in a batch', { batch: [{ type: 'alias', userId: 'u', previousId: 'a' }] }, 'batch', 1],
    ['text with space in it', `\n{ "batch" : [ ${JSON.stringify(message, null, 2)} , ${JSON.stringify(message)}\t] }\r\n`, 'batch', 2],
  ])('%s', (_, body, form, count) => {
    expect(sound(body, form)).toBe(count)
  })
})

test('whatever is counted at a glance is counted and let pass by the careful look', () => {
  const runs = Math.max(30_000, Number(process.env.ZHIKE_FUZZ ?? 0) / 2)
  const random = chance(Number(process.env.ZHIKE_FUZZ_SEED ?? 7))
  let counted = 0
  for (let run = 0; run < runs; run++) {
    const bytes = mutated(random)
    const form = ['batch', 'import', 'track', 'identify', 'alias', 'group'][random(12)] ?? 'batch'
    const count = countSound(bytes, form, receivedAt)
    if (count === 0) continue
    counted++
    if (careful(bytes, form) !== count) expect(`${form} ${bytes}`).toBe(`counted as ${count}`)
  }
  expect(counted).toBeGreaterThan(runs / 20)
})

test.each([
  ['{"batch":[{"type":"track","event":"A","userId":"u","userId":null}]}'],
  ['{"batch":[{"type":"track","event":"A","userId":"u","userId":""}]}'],
  ['{"batch":[{"type":"track","type":"odd","event":"A","userId":"u"}]}'],
  ['{"batch":[{"type":"identify","type":"track","userId":"u"}]}'],
  ['{"batch":[{"type":"track","event":"A","userId":"u"}],"batch":[]}'],
  ['{"batch":[]}'],
  ['{"batch":[{"type":"track","event":"A","userId":"u"}]}x'],
  ['{"batch":[{"type":"track","event":"A","userId":"u"}]'],
  ['{"batch":[{"type":"track","event":"A","userId":"u"},]}'],
  ['{"batch":[{"type":"track","event":"A","userId":"u",}]}'],
  ['{"batch":[{"type":"track","event":"$alias","userId":"u"}]}'],
  ['{"batch":[{"type":"track","event":"\u3000","userId":"u"}]}'],
  ['{"batch":[{"type":"track","event":"A","userId":" "}]}'],
  ['{"batch":[{"type":"track","event":"A","userId":1.5}]}'],
  ['{"batch":[{"type":"track","event":"A","userId":12345678901234567}]}'],
  ['{"batch":[{"type":"track","event":"A","userId":"u","timestamp":"2026-02-30T00:00:00.000Z"}]}'],
  ['{"batch":[{"type":"track","event":"A","userId":"u","timestamp":"2026-01-01T24:00:00.000Z"}]}'],
  ['{"batch":[{"type":"track","event":"A","userId":"u","properties":[]}]}'],
  ['{"batch":[{"type":"track","event":"A","userId":"u","properties":{"n":01}}]}'],
  ['{"batch":[{"type":"track","event":"A","userId":"u","properties":{"n":1e999}}]}'],
  ['{"batch":[{"type":"track","event":"A","userId":"u","properties":{"n":12345678901234567890}}]}'],
  ['{"batch":[{"type":"track","event":"A","userId":"u","properties":{"t":"\\ud800"}}]}'],
  ['{"batch":[{"type":"track","event":"A","userId":"u","properties":{"t":"\\x"}}]}'],
  ['{"batch":[{"type":"track","event":"A","userId":"u","properties":{"t":"a\nb"}}]}'],
  ['{"batch":[{"type":"track","event":"A","userId":"u","properties":{"__proto__":1}}]}'],
  [`{"batch":[{"type":"track","event":"A","userId":"u","properties":${'{"a":'.repeat(17)}1${'}'.repeat(17)}}]}`],
  [`{"batch":[{"type":"track","event":"A","userId":"u","properties":{"a":"${'字'.repeat(11_000)}"}}]}`],
  [`{"batch":[{"type":"track","event":"A","userId":"u"}],"context":{"a":"${'x'.repeat(9000)}"}}`],
  [`{"batch":[${Array(5001).fill('{"type":"track","event":"A","userId":"u"}').join()}]}`],
])('what is not to be taken is not counted: %.90s', body => {
  expect(careful(Buffer.from(body), 'batch')).toBe(0)
  expect(sound(body)).toBe(0)
})
