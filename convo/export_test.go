package convo

// SetQuota sets how many records of each account count, in place of
// MaxRecordsEach.
func (r *Roster) SetQuota(n int) { r.quotas.each = n }
