/** CloudWatch keeps logs for certain numbers of days only: the next one that is not shorter than wished. */
import { RetentionDays } from 'aws-cdk-lib/aws-logs'

const known = Object.values(RetentionDays)
  .filter((days): days is RetentionDays => typeof days === 'number' && days !== RetentionDays.INFINITE)
  .sort((one, other) => one - other)

export function retentionOf(days: number): RetentionDays {
  return known.find((one) => Number(one) >= days) ?? RetentionDays.TEN_YEARS
}
