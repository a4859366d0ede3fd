# Users wait for what is asked for below.
haste=yes
