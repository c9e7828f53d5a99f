/** What can go wrong with what was acknowledged, and with everything that is derived from it. */
export const wrongs = ['lost', 'duplicated', 'torn', 'astray', 'miscounted', 'leaked', 'answered'] as const
export type Wrong = (typeof wrongs)[number]

/**
 * `lost`: acknowledged and not there. `duplicated`: there more than once. `torn`: there in part, or not as it was sent. `astray`: with
 * another person. `miscounted`: counts and ranges that do not agree with what is there. `leaked`: processes that outlived their server.
 * `answered`: an answer or an end that was not the right one.
 */
export type Verdict = Record<Wrong, string[]>

export function emptyVerdict(): Verdict {
  return Object.fromEntries(wrongs.map(wrong => [wrong, [] as string[]])) as Verdict
}

export function isClean(verdict: Verdict): boolean {
  return wrongs.every(wrong => verdict[wrong].length === 0)
}

export function add(verdict: Verdict, more: Verdict): void {
  for (const wrong of wrongs) verdict[wrong].push(...more[wrong])
}

/** `lost 0 duplicated 0 torn 0`, and whatever else there is. */
export function summaryOf(verdict: Verdict): string {
  const always: readonly Wrong[] = ['lost', 'duplicated', 'torn']
  return wrongs
    .filter(wrong => always.includes(wrong) || verdict[wrong].length > 0)
    .map(wrong => `${wrong} ${verdict[wrong].length}`)
    .join(' ')
}
