"""Statistical gates: what the kit says, held against many companies whose truth is known.

python -m truth               all groups: stays statements leaks false-leaks pipeline reps texts
python -m truth texts         one group; its section of docs/accuracy.md is written anew
python -m truth leaks --share 0.25 --workers 1

A group is an entry of `truth.run.GROUPS`: a title, how many worlds its gates see, and the function
that measures them by spreading functions of one world (picklable, named at module level).
"""
