"""`mpseq interop`: do these devices talk to one another? The bench behind the command.

| module       |                                                                        |
|--------------|------------------------------------------------------------------------|
| `on_device`  | the program that a device runs: an agent, and what the bench adds to it|
| `member`     | the same for CPython, as a process of its own                          |
| `line`       | the cable and the room between a device and the others, with faults    |
| `station`    | one device: started, driven, watched, started again                    |
| `play`       | what a scenario has in its hands, and what must hold in every one      |
| `scenarios`  | the stories                                                            |
| `vectors`    | the published bytes, which every device must reproduce                 |
| `bench`      | which scenario over whom, when; results                                |
| `report`     | results as Markdown, JSON and HTML                                     |

Everything that is left to chance follows from one seed and the names of who takes part.
"""
