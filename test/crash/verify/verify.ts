import type { ImportedFile } from '../imports.ts'
import { flush, rejectedRowsOf, type Server, withStores } from '../server.ts'
import type { Witness } from '../witness.ts'
import { judgeAcknowledged } from './acknowledged.ts'
import { judgeAnswers } from './answers.ts'
import { judgeCounts } from './counts.ts'
import { deserved } from './deserved.ts'
import { judgeFacts } from './facts.ts'
import { judgeImports } from './imported.ts'
import { readLog } from './logged.ts'
import { judgePeople } from './people.ts'
import { judgeProfiles } from './profiles.ts'
import { readStores } from './stored.ts'
import { add, emptyVerdict, type Verdict } from './verdict.ts'

export interface Verified {
  verdict: Verdict
  /** So many were compared. */
  compared: { messages: number; positions: number; events: number; traits: number; rejected: number; profiles: number }
}

/** Compares everything that a server holds with what was acknowledged. Nothing may be on its way to it meanwhile. */
export async function verify(server: Server, witness: Witness, files: readonly ImportedFile[]): Promise<Verified> {
  await flush(server)
  const log = await readLog(server.place.dataDir)
  const stored = await withStores(server, stores => readStores(stores, id => rejectedRowsOf(server, id)))
  const fromLog = deserved(log, witness.accounts)
  const fromFiles = judgeImports(files, stored)
  const due = new Map([...fromLog.stored, ...fromFiles.due])
  const verdict = emptyVerdict()
  add(verdict, judgeAcknowledged(witness.accounts, log, stored))
  add(verdict, fromFiles.verdict)
  add(verdict, judgeFacts(due, fromLog, stored))
  add(
    verdict,
    judgePeople(
      [...due.values()].map(({ item }) => item.identifiers),
      stored,
    ),
  )
  add(verdict, judgeProfiles(stored))
  add(verdict, judgeCounts(log, fromLog, stored))
  add(verdict, await judgeAnswers(server, due, stored))
  const { events, traits, rejected, leaves } = stored
  return {
    verdict,
    compared: {
      messages: witness.accounts.size,
      positions: log.length,
      events: events.length,
      traits: traits.length,
      rejected: rejected.length,
      profiles: leaves.filter(({ leaf, root }) => leaf === root).length,
    },
  }
}
