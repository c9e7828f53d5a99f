import { parseArgs } from 'node:util'
import { chanceFrom } from './chance.ts'
import { shotsFor } from './shots.ts'
import { Story } from './story.ts'
import { isClean, summaryOf, wrongs } from './verify/verdict.ts'

/**
 * `npm run crash`: kills a server again and again, and holds it to everything that it has acknowledged. Ends with the first comparison that
 * finds something wrong, and keeps the evidence.
 */
const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: `${Math.floor(Math.random() * 1_000_000)}` },
    rate: { type: 'string', default: '400' },
    keep: { type: 'boolean', default: false },
  },
})
if (process.platform !== 'linux') throw new Error('npm run crash finds the processes to kill in /proc, which only Linux has')
const kills = wholeNumber('kills')
const seed = wholeNumber('seed')
const rate = wholeNumber('rate')
const shown = 20

console.log(`${kills} kills with --seed ${seed}`)
const chance = chanceFrom(seed + 1)
const story = await Story.begin({ seed, people: 1_500, senders: 8, rate, rowsPerFile: 6_000, say: console.log })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void giveUp().finally(() => process.exit(130)))
let done = 0
try {
  for (const shot of shotsFor(kills, chance)) {
    await story.kill(shot)
    done += 1
    if (chance.happens(0.1)) await story.restart()
    if (chance.happens(0.1) && !(await isRight())) break
  }
  if (isClean(story.verdict)) await isRight()
  await story.end()
} catch (error) {
  await giveUp()
  throw error
}
for (const wrong of wrongs) {
  const faults = story.verdict[wrong]
  for (const fault of faults.slice(0, shown)) console.error(`${wrong}: ${fault}`)
  if (faults.length > shown) console.error(`${wrong}: and ${faults.length - shown} more, see verdict.json`)
}
const keep = values.keep || !isClean(story.verdict)
story.remove(keep)
if (keep) console.log(`everything is in ${story.directory}`)
console.log(`${summaryOf(story.verdict)} over ${done} kills`)
process.exitCode = isClean(story.verdict) ? 0 : 1

async function isRight(): Promise<boolean> {
  const { verdict, compared } = await story.verify()
  const { messages, positions, events, traits, rejected, profiles } = compared
  console.log(
    `compared ${messages} messages and ${positions} positions of the log with ${events} events, ${traits} traits, ${rejected} rejects and ${profiles} profiles: ${summaryOf(verdict)}`,
  )
  return isClean(verdict)
}

async function giveUp(): Promise<void> {
  await story.abandon()
  console.error(`given up after ${done} kills; everything is in ${story.directory}`)
}

function wholeNumber(option: 'kills' | 'seed' | 'rate'): number {
  if (!/^\d{1,9}$/.test(values[option])) throw new Error(`--${option} must be a whole number`)
  return Number(values[option])
}
