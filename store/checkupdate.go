package store

// CheckUpdate tells what Update would refuse of an update whatever the thread is: a *LimitError. It asks nobody.
func (s *Store) CheckUpdate(u Update) error {
	_, err := s.fieldsOf(u)
	return err
}
