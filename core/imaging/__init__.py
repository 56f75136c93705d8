"""The only place that decodes pictures: in limited child processes, nobody's word taken for anything."""
