import type { Position } from '../../../src/log/position.ts'
import { type ImportedFile, importSource } from '../imports.ts'
import type { Item } from '../messages.ts'
import type { Due } from './deserved.ts'
import type { Stored } from './stored.ts'
import { emptyVerdict, type Verdict } from './verdict.ts'

/**
 * Files against what they brought: every row that can be taken once, however often it comes; every other row once among the rejected.
 * @returns where the rows stand, too: only the store knows their positions
 */
export function judgeImports(files: readonly ImportedFile[], stored: Stored): { verdict: Verdict; due: Map<Position, Due> } {
  const verdict = emptyVerdict()
  const due = new Map<Position, Due>()
  const events = Map.groupBy(
    stored.events.filter(({ source }) => source === importSource),
    ({ message_id }) => message_id,
  )
  const taken = new Map(files.flatMap(({ rows }) => rows.filter(({ fate }) => fate === 'taken').map(item => [item.key, item])))
  for (const [key, item] of taken) {
    const rows = events.get(key) ?? []
    if (rows.length === 0) verdict.lost.push(`the row ${key} was imported and is not stored`)
    if (rows.length > 1) verdict.duplicated.push(`the row ${key} is stored ${rows.length} times`)
    for (const { position } of rows) due.set(position, { key, item, messageId: key })
  }
  for (const key of events.keys()) if (!taken.has(key)) verdict.torn.push(`the stored row ${key} can be in no file`)
  judgeCounts(files, taken, stored, verdict)
  return { verdict, due }
}

function judgeCounts(
  files: readonly ImportedFile[],
  taken: ReadonlyMap<string, Item>,
  { imports, stats, rejects }: Stored,
  verdict: Verdict,
): void {
  const known = new Set<string>()
  for (const { id, rows } of files) {
    const found = imports.find(one => one.id === id)
    const fresh = rows.filter(({ key, fate }) => fate === 'taken' && !known.has(key) && known.add(key))
    const bad = rows.filter(({ fate }) => fate !== 'taken')
    const expected = {
      rows_read: rows.length,
      imported: fresh.length,
      rejected: bad.length,
      repeated: rows.length - fresh.length - bad.length,
    }
    for (const [name, count] of Object.entries(expected)) {
      const counted = found?.[name as keyof typeof expected]
      if (counted !== count) verdict.miscounted.push(`import ${id} counts ${counted} ${name}, and there are ${count}`)
    }
    const text = rejects.get(id) ?? ''
    for (const { key } of bad) {
      const times = text.split(`,${key},`).length - 1
      if (times === 0) verdict.lost.push(`the rejected row ${key} of import ${id} is not kept`)
      if (times > 1) verdict.duplicated.push(`the rejected row ${key} of import ${id} is kept ${times} times`)
    }
  }
  const accepted = stats.find(({ source }) => source === importSource)?.accepted ?? 0
  if (accepted !== taken.size)
    verdict.miscounted.push(`${accepted} accepted rows are counted for ${importSource}, and there are ${taken.size}`)
}
