"""Stage 2: find impulses in mono audio and say when each began.

``filter`` turns samples into band-passed frame energies, ``noise_floor`` follows the background, ``trigger``
finds the frames that stand out of it and of the moment before, ``faults`` explains away what no sound in air
can make, ``onset`` times the first arrival, ``echoes`` lists later ones, and ``detector`` joins them.
``reference`` is the same core written out plainly.
"""
