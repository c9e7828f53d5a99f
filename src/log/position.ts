/**
 * Where a fact stands in the order of arrival: `partition << 48 | offset`, a UInt64 in the stores.
 * In the program it is a plain number, exact for the partitions 0 … 31.
 */
export type Position = number

const perPartition = 2 ** 48
export const maxPartitions = 32

export function positionOf(partition: number, offset: number): Position {
  return partition * perPartition + offset
}

export function partitionOf(position: Position): number {
  return Math.floor(position / perPartition)
}

export function offsetOf(position: Position): number {
  return position % perPartition
}
