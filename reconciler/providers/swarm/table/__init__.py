"""Facts on which every part of the Swarm provider relies: labels, and the form of a row."""
