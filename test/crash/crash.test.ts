import { afterAll, expect, test } from 'vitest'
import { chanceFrom } from './chance.ts'
import { flush, type Server, withStores } from './server.ts'
import { shotsFor } from './shots.ts'
import { Story } from './story.ts'
import { emptyVerdict } from './verify/verdict.ts'

/** Processes are found in /proc. */
const onLinux = process.platform === 'linux'
const seed = Math.floor(Math.random() * 1_000_000)
const said: string[] = [`--seed ${seed}`]
let story: Story | undefined

afterAll(async () => {
  await story?.abandon()
  story?.remove()
})

test.runIf(onLinux)(
  'killed ten times, as a group, the main process alone and each engine alone, it loses nothing, doubles nothing and tears nothing',
  { timeout: 600_000 },
  async () => {
    story = await Story.begin({ seed, people: 300, senders: 6, rate: 300, rowsPerFile: 2_500, say: line => said.push(line) }, 1)
    const shots = shotsFor(10, chanceFrom(seed))
    for (const shot of shots.slice(0, 5)) await story.kill(shot)
    await story.restart()
    const { compared } = await story.verify()
    for (const shot of shots.slice(5)) await story.kill(shot)
    await story.verify()
    expect(story.verdict, said.join('\n')).toEqual(emptyVerdict())
    expect(compared.events).toBeGreaterThan(100)
  },
)

test.runIf(onLinux)('what is lost, doubled, torn, with another person or miscounted is found', { timeout: 300_000 }, async () => {
  if (!story) throw new Error('there is no story to look into')
  const { verdict } = await story.compareAfter(tamper)
  expect(verdict).toMatchObject({
    lost: expect.arrayContaining([expect.stringMatching(/ is stored 0 times$/)]),
    duplicated: expect.arrayContaining([expect.stringMatching(/ is stored 2 times$/)]),
    torn: expect.arrayContaining([expect.stringMatching(/has the traits/), expect.stringMatching(/ and its profile none$/)]),
    astray: expect.arrayContaining([expect.stringMatching(/its first identifier on/)]),
    miscounted: expect.arrayContaining([expect.stringMatching(/^accepted counts/)]),
  })
})

test.runIf(onLinux)('asked to stop, it leaves no process behind', { timeout: 300_000 }, async () => {
  await story?.end()
  expect(story?.verdict, said.join('\n')).toEqual(emptyVerdict())
})

/** Takes one event away, doubles another, takes one row of the traits of a third, and changes what PostgreSQL says of others. */
async function tamper(server: Server): Promise<void> {
  await flush(server)
  await withStores(server, async ({ postgres, clickhouse }) => {
    const plain = `select position from events where event = 'Order Completed' and source = 'default' order by position limit 2`
    const [taken, doubled] = await clickhouse.query<{ position: number }>(plain)
    const [halved] = await clickhouse.query<{ position: number }>(
      `select position from traits where source = 'default' group by position having count() > 1 order by position limit 1`,
    )
    const remove = { settings: { lightweight_deletes_sync: 2 } }
    await clickhouse.command('insert into events select * from events where position = {at:UInt64}', { at: doubled?.position })
    await clickhouse.command('delete from events where position = {at:UInt64}', { at: taken?.position }, remove)
    await clickhouse.command(
      'delete from traits where position = {at:UInt64} and key = (select min(key) from traits where position = {at:UInt64})',
      { at: halved?.position },
      remove,
    )
    await postgres.query(`update source_stats set accepted = accepted + 1 where source = 'default'`)
    await postgres.query(`update leaf_traits set traits = '{}' where leaf = (select max(leaf) from leaf_traits where traits <> '{}')`)
    await postgres.query(
      `update identifiers set leaf = leaf + 1 where hash = (select min(hash) from identifiers where namespace = 'user_id')`,
    )
  })
}
