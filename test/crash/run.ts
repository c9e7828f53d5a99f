import { parseArgs } from 'node:util'
import { chanceFrom } from './chance.ts'
import { shotsFor } from './shots.ts'
import { Story } from './story.ts'
import { isClean, summaryOf, wrongs } from './verify/verdict.ts'

/** `npm run crash`: kills a server again and again, and holds it to everything that it has acknowledged. */
const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: `${Math.floor(Math.random() * 1_000_000)}` },
    rate: { type: 'string', default: '400' },
    keep: { type: 'boolean', default: false },
  },
})
if (process.platform !== 'linux') throw new Error('npm run crash finds the processes to kill in /proc, which only Linux has')

const kills = Number(values.kills)
const seed = Number(values.seed)
const shown = 20

const chance = chanceFrom(seed + 1)
const story = await Story.begin({ seed, people: 1_500, senders: 8, rate: Number(values.rate), rowsPerFile: 6_000, say: console.log })
console.log(`${kills} kills with --seed ${seed}, in ${story.directory}`)
try {
  for (const shot of shotsFor(kills, chance)) {
    await story.kill(shot)
    if (chance.happens(0.1)) await story.restart()
    if (chance.happens(0.1)) await look()
  }
  await look()
  await story.end()
} catch (error) {
  await story.abandon()
  story.remove(true)
  console.error(`the evidence is in ${story.directory}`)
  throw error
}
for (const wrong of wrongs) {
  const faults = [...new Set(story.verdict[wrong])]
  for (const fault of faults.slice(0, shown)) console.error(`${wrong}: ${fault}`)
  if (faults.length > shown) console.error(`${wrong}: and ${faults.length - shown} more, see verdict.json`)
}
const keep = values.keep || !isClean(story.verdict)
story.remove(keep)
if (keep) console.log(`the evidence is in ${story.directory}`)
console.log(`${summaryOf(story.verdict)} over ${kills} kills`)
process.exitCode = isClean(story.verdict) ? 0 : 1

async function look(): Promise<void> {
  const { verdict, compared } = await story.verify()
  const { messages, positions, events, traits, rejected, profiles } = compared
  console.log(
    `compared ${messages} messages and ${positions} positions of the log with ${events} events, ${traits} traits, ${rejected} rejects and ${profiles} profiles: ${summaryOf(verdict)}`,
  )
}
