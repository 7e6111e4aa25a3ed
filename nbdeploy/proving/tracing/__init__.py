"""Values that stand for rows nobody has sent yet: what served code does with them is written down as an ONNX graph.

The code of a package is run once with these in place of frames and arrays. What a graph can't say (a loop over rows, an
aggregate over all of them, dates, patterns in texts) raises Untraceable. Whether the graph answers as the code does is not
taken on trust: both are asked, see `whole_path.py`.
"""

from nbdeploy.proving.tracing.frame import Frame
from nbdeploy.proving.tracing.modules import Numpy, Pandas
from nbdeploy.proving.tracing.tensor import Tensor
from nbdeploy.proving.tracing.untraceable import Untraceable

__all__ = ["Frame", "Numpy", "Pandas", "Tensor", "Untraceable"]
