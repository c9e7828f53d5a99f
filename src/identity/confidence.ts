/**
 * How sure a rule is that two identifiers are one person's, in [0, 1]. It orders evidence for people who look at it and decides nothing:
 * somebody said so; two identifiers that systems keep per person; a device or a browser, which others may use too.
 */
export function confidenceOf(rule: string, strong: boolean): number {
  if (rule === 'hand') return 1
  if (rule === 'alias') return 0.95
  return strong ? 0.95 : 0.8
}
